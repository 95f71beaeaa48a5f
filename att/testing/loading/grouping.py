"""Which reports are one run: the files that one build has written, one for each class of tests."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import PurePosixPath
from typing import TypeVar

from att.testing.loading.finding import FoundFile, FoundReport, read_reports
from att.testing.loading.models import RunPer

__all__ = ["build_of", "is_of_a_class", "read_builds", "together"]

_ONE_A_CLASS = "TEST-*.xml"
"""What Ant, Surefire, Failsafe and Gradle call a file; they write one for each class."""
T = TypeVar("T")


def build_of(name: str, run_per: RunPer) -> str | None:
    """Return what the reports of one build have in common, by the name of one; None for a run of its own.

    Only XML files are parts of a build. `auto`: the files of a folder that are called `TEST-*.xml`; `folder`: all of
    a folder; `load`: all that are loaded together; `file`: none. A zip and the folders in it are folders.
    """
    path = PurePosixPath(name)
    if run_per == "file" or path.suffix.lower() != ".xml":
        return None
    if run_per == "load":
        return ""
    return str(path.parent) if run_per == "folder" or is_of_a_class(name) else None


def is_of_a_class(name: str) -> bool:
    """Return whether a file is called as those are of which a build writes one for each class."""
    return fnmatchcase(PurePosixPath(name).name, _ONE_A_CLASS)


def together(items: Iterable[T], key: Callable[[T], Hashable | None]) -> Iterator[list[T]]:
    """Yield each item without a key alone, as it comes, and then those of each key."""
    found: dict[Hashable, list[T]] = {}
    for item in items:
        mine = key(item)
        if mine is None:
            yield [item]
        else:
            found.setdefault(mine, []).append(item)
    yield from found.values()


def read_builds(
    files: Sequence[FoundFile],
    run_per: RunPer,
    read: Callable[[FoundFile], Iterator[FoundReport]] = read_reports,
) -> Iterator[list[FoundReport]]:
    """Read files, and yield the reports of each build together; more than one is held only of a zip."""

    def told(build: Iterable[FoundFile]) -> Iterator[list[FoundReport]]:
        return together(chain.from_iterable(map(read, build)), lambda report: build_of(report.name, run_per))

    if run_per == "load":
        yield from told(files)
        return
    for build in together(files, lambda file: build_of(file.name, run_per)):
        yield from told(build)
