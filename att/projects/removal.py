"""Whether a project's folder may be deleted, and deleting it: only what is the project's own and kept elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from att.code.gitprogram import Git, GitFailed
from att.errors import NotSupported, PermissionDenied, TimedOut
from att.projects.models import Project

__all__ = ["check_deletable", "delete_folder"]


def check_deletable(project: Project, others: Iterable[Project], data_folders: Iterable[Path]) -> Path | None:
    """Return the folder that may be deleted, or None when there is none.

    Raises PermissionDenied, saying why: it is a link, home, root or above them, used by another project, by ATT or by
    this Python, or holds work in git that is nowhere else.
    """
    if project.path is None:
        return None
    path = Path(project.path)
    if path.is_symlink():
        raise _refused(path, "it is a link; delete what it leads to yourself")
    if not path.exists():
        return None
    folder = path.resolve()
    for why, kept in _kept(data_folders):
        if kept.is_relative_to(folder):
            raise _refused(path, why)
    for other in others:
        if other.id != project.id and other.path is not None and _overlap(folder, Path(other.path).resolve()):
            raise _refused(path, f"the project {other.id!r} uses it as well")
    for tree in _work_trees(folder):
        _check_git(path, tree)
    return folder


def delete_folder(folder: Path) -> None:
    """Delete a folder. Raises PermissionDenied when something of it cannot be deleted."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PermissionDenied(f"Not all of {folder} could be deleted: {error}.", path=str(folder)) from None


def _kept(data_folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    yield "it is your home or above it", Path.home().resolve()
    for folder in data_folders:
        yield "it holds ATT's data", folder.resolve()
    yield "it holds the Python that ATT runs in", Path(sys.prefix).resolve()
    yield "it holds ATT itself", Path(__file__).resolve()
    yield "this process works in it", Path.cwd().resolve()


def _refused(path: Path, why: str) -> PermissionDenied:
    return PermissionDenied(
        f"The folder {path} is not deleted: {why}. Nothing was changed; delete without files to forget the project.",
        path=str(path),
        why=why,
    )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _work_trees(folder: Path) -> Iterator[Path]:
    """Yield the work trees that would lose something: the one that holds the folder, and each below it."""
    if any((above / ".git").exists() for above in folder.parents):
        yield folder
    for place, folders, files in os.walk(folder):
        if ".git" in folders or ".git" in files:
            yield Path(place)
        folders[:] = [name for name in folders if name != ".git"]


def _check_git(path: Path, tree: Path) -> None:
    try:
        git = Git(tree)
        changes = git.run("status", "--porcelain", "--ignore-submodules=dirty", "--", ".", most_bytes=4096).text
        if changes:
            raise _refused(path, f"{tree} has changes that are not committed, such as {changes.splitlines()[0]!r}")
        if git.top.resolve() == tree.resolve():
            _check_pushed(git, path, tree)
    except (GitFailed, NotSupported, TimedOut) as error:
        raise _refused(path, f"git cannot say whether {tree} is kept elsewhere ({error})") from None


def _check_pushed(git: Git, path: Path, tree: Path) -> None:
    head = ["HEAD"] if _has_commit(git) else []
    local = git.run("log", "--branches", *head, "--not", "--remotes", "--format=%h %s", "-n", "1").text
    if local:
        raise _refused(path, f"{tree} has commits that are not pushed, such as {local!r}")
    if git.run("for-each-ref", "refs/stash").text:
        raise _refused(path, f"{tree} has a stash")


def _has_commit(git: Git) -> bool:
    """Say whether HEAD leads to a commit; it does not in a clone that was killed or is of an empty repository."""
    try:
        git.run("rev-parse", "--verify", "-q", "HEAD")
    except GitFailed:
        return False
    return True
