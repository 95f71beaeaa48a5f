"""Reports of made-up runs for tests of loading."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from att.operations import REGISTRY
from att.workspace import Workspace

__all__ = ["House", "house", "junit", "zipped"]


def junit(tests: Mapping[str, str], at: str | None = "2026-03-01T06:00:00", **attributes: str) -> str:
    """Return a JUnit file of pytest; `tests` maps `classname::name` to P, F or S."""
    inside = {
        "P": "",
        "F": '<failure message="AssertionError: assert 1 == 2">E   AssertionError: assert 1 == 2\n\na.py:3: '
        "AssertionError</failure>",
        "S": '<skipped type="pytest.skip" message="not now"/>',
    }
    cases = ""
    for name, outcome in tests.items():
        classname, _, test = name.partition("::")
        cases += f'<testcase classname="{classname}" name="{test}" time="0.25">{inside[outcome]}</testcase>'
    more = {**({"timestamp": at} if at else {}), **attributes}
    written = " ".join(f'{name}="{value}"' for name, value in more.items())
    return f'<testsuites><testsuite name="pytest" {written}>{cases}</testsuite></testsuites>'


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """Return a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class House:
    """A workspace with one project, whose folder the test fills."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.workspace = Workspace(folder / "data")
        self.ask("project.create", id="demo", path=str(self.root), command=["true"])

    def ask(self, operation: str, **given: Any) -> Any:
        """Run an operation."""
        return self.workspace.call(REGISTRY[operation], given)

    def load(self, *files: str, **given: Any) -> dict[str, tuple[str, str]]:
        """Load files of the project's folder, and return result and reason by path."""
        loaded = self.ask("test.import", project="demo", files=list(files), **given)
        return {report.path: (report.result, report.reason) for report in loaded.reports}

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files into the project's folder."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def runs(self) -> list[Any]:
        """Return the runs of the history, oldest first."""
        return list(reversed(self.ask("test.runs", project="demo", limit=1000).runs))

    def nodeids(self, run_id: str) -> dict[str, str]:
        """Return the outcomes of a run by nodeid."""
        page = self.ask("test.results", project="demo", run=run_id, limit=10_000)
        return {outcome.nodeid: outcome.outcome for outcome in page.outcomes}


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """Open a house, and close its workspace."""
    made = House(folder)
    try:
        yield made
    finally:
        made.workspace.close()
