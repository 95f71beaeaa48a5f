"""Which files git would not track: .gitignore files at every level, as git reads them."""

from __future__ import annotations

import logging
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from att.errors import Invalid

__all__ = ["IgnoreRules", "glob"]

_LIMIT_BYTES = 1 << 20
_MOST_DEPTHS = 3
"""Most `**` in a pattern: with more, a long path could keep the matcher busy for ages."""
_STAR = r"\[\^/\]\*"
_ONE = r"(?:\\.|\[\^?\]?(?:\\.|[^\]\\])*\](?!\*)|[^\\\[(*/])"
"""In the regular expression of a pattern, what stands for a star, and for one character."""
_NEGATED = re.compile(r"\[\^(?!/\])")
"""Git lets no set of characters match the slash between two folders."""
_STARS = re.compile(f"(?:{_STAR}){{2,}}")
_TO_NEXT_STAR = re.compile(f"{_STAR}((?:{_ONE})+)(?={_STAR})")
_log = logging.getLogger("att")


@dataclass(frozen=True)
class _Rules:
    """One rule file. It sees the path of an entry with `cut` characters replaced by `prefix`."""

    spec: GitIgnoreSpec
    cut: int
    prefix: str = ""

    def decide(self, path: str) -> bool | None:
        return self.spec.check_file(self.prefix + path[self.cut :]).include


@dataclass(frozen=True)
class IgnoreRules:
    """The rules that hold in one folder, nearest file first: the nearest that says anything decides."""

    files: tuple[_Rules, ...] = ()

    @classmethod
    def above(cls, root: Path) -> IgnoreRules:
        """Return what the repository that holds `root` says in the folders above it.

        When it ignores `root` as a whole its rules are of no use there, and none is returned.
        """
        top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
        if top is None:
            return cls()
        found: list[_Rules] = []
        sources = [(top / ".git/info/exclude", top)]
        sources += [(folder / ".gitignore", folder) for folder in reversed(root.parents) if folder.is_relative_to(top)]
        for file, folder in sources:
            spec = _read(file)
            inside = root.relative_to(folder)
            if spec is not None:
                if any(spec.match_file(f"{part}/") for part in (inside, *inside.parents)[:-1]):
                    return cls()
                found.insert(0, _Rules(spec, 0, "" if inside == Path() else f"{inside.as_posix()}/"))
        return cls(tuple(found))

    def inside(self, folder: str, descriptor: int) -> IgnoreRules:
        """Return the rules that hold in a folder below the root, given by its path ("" is the root) and descriptor."""
        spec = _read(".gitignore", descriptor)
        return self if spec is None else IgnoreRules((_Rules(spec, len(folder) + 1 if folder else 0), *self.files))

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Say whether a path below the root is ignored, provided that no folder above it is."""
        name = f"{path}/" if is_folder else path
        decisions = (rules.decide(name) for rules in self.files)
        return next((decided for decided in decisions if decided is not None), False)


def glob(pattern: str) -> GitIgnoreSpec:
    """Return a matcher of paths; without a slash the pattern speaks about names at any depth. Raises Invalid."""
    if not _is_cheap(pattern):
        raise Invalid(f"The pattern has more than {_MOST_DEPTHS} times '**'; use fewer.", pattern=pattern)
    return _spec([f"\\{pattern}" if pattern.startswith(("!", "#")) else pattern])


def _is_cheap(pattern: str) -> bool:
    return pattern.split("/").count("**") <= _MOST_DEPTHS


def _spec(lines: list[str]) -> GitIgnoreSpec:
    """Return the matcher of some rules, whose stars never try a second place for what stands between them.

    The first place is enough: whatever a later one leaves to match, the next star reaches from the first as well.
    So a name costs time in proportion to its length, however many stars a rule has.
    """
    patterns = GitIgnoreSpec.from_lines(lines).patterns
    for pattern in patterns:
        regex = getattr(pattern, "regex", None)
        if regex is not None:
            single = _STARS.sub("[^/]*", _NEGATED.sub("[^/", regex.pattern))
            pattern.regex = re.compile(_TO_NEXT_STAR.sub(r"(?>[^/]*?\1)", single))
    return GitIgnoreSpec(patterns, backend="simple")


def _exact(line: str) -> str:
    """Return a rule about the content of a folder so that it does not take the folder itself for ignored."""
    return f"{line}/*" if line.endswith("/**") else line


def _read(path: Path | str, directory: int | None = None) -> GitIgnoreSpec | None:
    """Return the rules of a file, or None when it is missing, a link (git follows none either), or empty."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            text = file.read(_LIMIT_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    lines = [_exact(line) for line in text.splitlines() if line and not line.startswith("#")]
    dear = [line for line in lines if not _is_cheap(line)]
    if dear:
        _log.warning("Rules of %s with more than %d times '**' are not applied: %s", path, _MOST_DEPTHS, dear)
    return _spec([line for line in lines if line not in dear]) if lines != dear else None
