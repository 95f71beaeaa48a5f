"""Walk a project's folder in the order of paths, leaving out what git ignores."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from att.code.cursors import Place
from att.code.folder import Folder
from att.code.ignoring import IgnoreRules
from att.errors import NotFound, PermissionDenied

__all__ = ["Entry", "after", "walk"]

_KINDS: dict[int, Literal["file", "folder", "link"]] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
}


@dataclass(frozen=True)
class Entry:
    """What a walk meets; `path` is relative to the root."""

    path: str
    kind: Literal["file", "folder", "link"]
    size_bytes: int
    modified: float
    rules: IgnoreRules = field(repr=False)


def walk(folder: Folder, start: str = ".", *, ignored: bool = False, place: Place | None = None) -> Iterator[Entry]:
    """Yield what is below `start`, each folder before its content; links are not followed.

    Left out are `.git`, sockets and the like, names that are not UTF-8, and, unless `ignored`, what git ignores and
    virtual environments. Folders that lie wholly before `place` are not entered.
    """
    inside = folder.resolve(start).as_posix()
    base = "" if inside == "." else inside
    rules = IgnoreRules() if ignored else _rules_of_parents(folder, base)
    pending = _children(folder, base, rules, ignored)
    while pending:
        entry = pending.pop()
        yield entry
        if entry.kind == "folder" and not (place is not None and place.skips_folder(entry.path)):
            try:
                pending.extend(_children(folder, entry.path, entry.rules, ignored))
            except (NotFound, PermissionDenied):  # gone or closed meanwhile
                continue


def after(entries: Iterator[Entry], place: Place) -> Iterator[Entry]:
    """Yield the entries behind a place."""
    same = 0
    for entry in entries:
        relation = place.relation(entry.path)
        same += relation == 0
        if relation > 0 or (relation == 0 and same > place.count):
            yield entry


def _rules_of_parents(folder: Folder, base: str) -> IgnoreRules:
    """Return the rules that hold around `base`: of the repository above, and of each folder on the way to it."""
    rules = IgnoreRules.above(folder.root)
    parts = base.split("/") if base else []
    for depth in range(len(parts)):
        above = "/".join(parts[:depth])
        fd = folder.open_folder(above or ".")
        try:
            rules = rules.inside(above, fd)
        finally:
            os.close(fd)
    return rules


def _children(folder: Folder, path: str, rules: IgnoreRules, ignored: bool) -> list[Entry]:
    """Return what a folder holds, last name first."""
    fd = folder.open_folder(path or ".")
    try:
        if not ignored:
            rules = rules.inside(path, fd)
        with os.scandir(fd) as listing:
            found = [_entry(item, f"{path}/{item.name}" if path else item.name, rules) for item in listing]
        kept = [entry for entry in found if entry is not None and (ignored or not _left_out(entry, fd))]
    finally:
        os.close(fd)
    return sorted(kept, key=lambda entry: entry.path, reverse=True)


def _entry(item: os.DirEntry[str], path: str, rules: IgnoreRules) -> Entry | None:
    if item.name.lower() == ".git" or not _is_utf8(item.name):
        return None
    try:
        facts = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    kind = _KINDS.get(stat.S_IFMT(facts.st_mode))
    return None if kind is None else Entry(path, kind, facts.st_size, facts.st_mtime, rules)


def _left_out(entry: Entry, parent: int) -> bool:
    is_folder = entry.kind == "folder"
    return entry.rules.ignores(entry.path, is_folder=is_folder) or (is_folder and _is_environment(entry, parent))


def _is_environment(entry: Entry, parent: int) -> bool:
    name = entry.path.rpartition("/")[2]
    try:
        os.stat(f"{name}/pyvenv.cfg", dir_fd=parent, follow_symlinks=False)
    except OSError:
        return False
    return True


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
