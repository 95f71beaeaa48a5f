"""Turn the classname, name and file of JUnit and CTRF back into pytest's nodeids."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["NodeIds"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NodeIds:
    """Known nodeids and files of a project, found again by the names that a report gives.

    `known` may hold nodeids (`tests/test_a.py::TestB::test_c[1]`) and files (`tests/test_a.py`).
    """

    def __init__(self, known: Collection[str]) -> None:
        self._files: dict[str, str] = {}
        self._by_filename: dict[str, set[str]] = {}
        self._by_names: dict[tuple[str, str], str | None] = {}
        self._prefixes: dict[tuple[str, str | None], tuple[str, bool]] = {}
        for nodeid in known:
            file = nodeid.partition("::")[0]
            self._files.setdefault(_dotted(file), file)
            self._by_filename.setdefault(file.rpartition("/")[2], set()).add(file)
            if "::" in nodeid:
                key = _names(nodeid)
                # two nodeids with the same names: neither may be guessed
                self._by_names[key] = nodeid if self._by_names.get(key, nodeid) == nodeid else None
        self._depth = max((dotted.count(".") + 1 for dotted in self._files), default=0)

    def resolve(self, classname: str, name: str, file: str | None = None) -> tuple[str, bool]:
        """Return (nodeid, resolved); unresolved is `classname::name`, or the name alone."""
        if self._by_names and (nodeid := self._by_names.get((classname, name))):
            return nodeid, True
        if not classname and file is None:
            found = self._files.get(name)
            return (found, True) if found else (name, False)
        key = (classname, file)
        if (prefix := self._prefixes.get(key)) is None:
            prefix = self._prefixes[key] = self._prefix(classname, file)
        return f"{prefix[0]}::{name}", prefix[1]

    def resolve_all(
        self, classnames: list[str], names: list[str], files: list[str | None]
    ) -> tuple[list[str], list[bool]]:
        """Resolve whole columns; where the project knows no nodeids, a test costs one concatenation."""
        different = set(classnames)
        if not (self._by_names or "" in different or any(files)):
            found = {classname: self._prefix(classname, None) for classname in different}
            if not any(resolved for _, resolved in found.values()):
                return list(map("::".join, zip(classnames, names, strict=True))), [False] * len(names)
            starts = {classname: f"{prefix}::" for classname, (prefix, _) in found.items()}
            nodeids = [starts[classname] + name for classname, name in zip(classnames, names, strict=True)]
            return nodeids, [found[classname][1] for classname in classnames]
        nodeids, resolved = [], []
        for nodeid, is_known in map(self.resolve, classnames, names, files):
            nodeids.append(nodeid)
            resolved.append(is_known)
        return nodeids, resolved

    def _prefix(self, classname: str, file: str | None) -> tuple[str, bool]:
        """Return the nodeid up to the last `::`, and whether it is pytest's own."""
        if file and (path := self._project_path(file)):
            return "::".join((path, *_classes(classname, _dotted(path)))), True
        parts = classname.split(".")
        for end in range(min(len(parts), self._depth), 0, -1):
            if found := self._files.get(".".join(parts[:end])):
                return "::".join((found, *parts[end:])), True
        return classname or file or "", False

    def _project_path(self, file: str) -> str | None:
        """Return the file relative to the project: as given, or the known file that an absolute path ends with."""
        path = file.replace("\\", "/").removeprefix("./")
        known = self._by_filename.get(path.rpartition("/")[2], set())
        if not path.startswith("/") and ":" not in path[:3]:
            return path if path.endswith(".py") or path in known else None
        ends = [one for one in known if path.endswith(f"/{one}")]
        return max(ends, key=len, default=None)


def _dotted(path: str) -> str:
    return path.replace("\\", "/").removesuffix(".py").replace("/", ".")


def _classes(classname: str, module: str) -> list[str]:
    """Return the classes of a classname, which begins with the module where pytest wrote it."""
    if classname == module or not classname:
        return []
    rest = classname.removeprefix(f"{module}.")
    return [part for part in rest.split(".") if part]


def _names(nodeid: str) -> tuple[str, str]:
    """Return (classname, name) as pytest's JUnit writer mangles a nodeid: parameters stay whole."""
    head, bracket, parameters = nodeid.partition("[")
    file, *rest = head.split("::")
    names = [_dotted(file), *rest]
    last = names.pop() + bracket + parameters
    return ".".join(names), _ILLEGAL.sub(_escape, last)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"#x{code:02X}" if code <= 0xFF else f"#x{code:04X}"
