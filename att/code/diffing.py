"""Compare a project's work tree with a commit, files that git does not know yet included."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from att.code.folder import Folder
from att.code.gitprogram import Git, GitFailed
from att.code.models import CodeDiff
from att.errors import Invalid, NotFound, NotSupported

__all__ = ["compare"]

_OPTIONS = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules=dirty",
    "--submodule=short",
    "--relative",
)


def compare(folder: Folder, base: str, path: str | None, most_bytes: int) -> CodeDiff:
    """Return the difference of the work tree to a commit as a unified diff, of the project's folder alone.

    Untracked files that are not ignored appear as new ones. A diff over `most_bytes` is cut after a line. Raises
    NotFound for a commit that does not exist, NotSupported without git or repository, PermissionDenied for a path
    outside.
    """
    inside = None if path is None else folder.resolve(path).as_posix()
    git = Git(folder.root)
    try:
        commit = _commit(git, base)
        only = ["--", inside or "."]
        with _index_with_untracked(git, only) as index:
            variables = {"GIT_INDEX_FILE": str(index)}
            names = git.run("diff", *_OPTIONS, "--name-only", "-z", commit, *only, variables=variables).names
            diff = git.run("diff", *_OPTIONS, commit, *only, variables=variables, most_bytes=most_bytes)
    except GitFailed as error:
        raise NotSupported(f"git cannot compare the project: {error}.") from None
    data = diff.data[: diff.data.rfind(b"\n") + 1] if diff.cut else diff.data
    shown = [name.encode("utf-8", "replace").decode() for name in names]
    return CodeDiff(base=base, diff=data.decode("utf-8", "replace"), files=shown, truncated=diff.cut)


def _commit(git: Git, base: str) -> str:
    """Return the object to compare with: the commit, or the empty tree before the first one."""
    if base.startswith("-"):
        raise Invalid(f"{base!r} is not the name of a commit.", base=base)
    try:
        return git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}").text
    except GitFailed:
        if base != "HEAD":
            raise NotFound(f"There is no commit or branch {base!r} in the repository.", base=base) from None
    return git.run("hash-object", "-t", "tree", "--stdin").text


@contextlib.contextmanager
def _index_with_untracked(git: Git, only: list[str]) -> Iterator[Path]:
    """Yield a copy of the index in which the untracked files are announced; the real one is not touched."""
    untracked = git.run("ls-files", "--others", "--exclude-standard", "-z", *only).names
    files = [name for name in untracked if not name.endswith("/")]  # the others are repositories of their own
    with tempfile.TemporaryDirectory(prefix="att-index-") as place:
        index = Path(place) / "index"
        real = git.folder / git.run("rev-parse", "--git-path", "index").text
        with contextlib.suppress(FileNotFoundError):  # before the first commit there may be none
            shutil.copy2(real, index)  # with its time, by which git knows which entries it must look at again
        if files:
            git.run(
                "add",
                "--intent-to-add",
                "--pathspec-from-file=-",
                "--pathspec-file-nul",
                text=b"".join(os.fsencode(name) + b"\0" for name in files),
                variables={"GIT_INDEX_FILE": str(index)},
            )
        yield index
