"""Run a generated suite with the plugin, and hear from pytest itself what it counted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from att.testing.command import pytest_command, pytest_environment
from att.testing.models import TestRequest, TestStatus
from att.testing.outcome import status_of
from att.testing.stream import StreamState
from att.testing.streamfile import StreamReader
from tests.support.pytest_envs import environment_python

__all__ = ["Finished", "Running", "run_suite", "started_suite"]

HANG_SECONDS = 60
# pytest's own counts: what the terminal holds when everything is over, by the rule of its summary line.
WITNESS = """
import json, os

DUMP = os.environ["WITNESS"]

def pytest_unconfigure(config):
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(config, "workerinput"):
        return
    counts = {
        category: sum(getattr(report, "count_towards_summary", True) for report in reports)
        for category, reports in terminal.stats.items() if category
    }
    with open(DUMP, "w") as file:
        json.dump({category: count for category, count in counts.items() if count}, file)
"""
_SUMMARY = re.compile(r"^=* ?((?:\d+ [a-z ]+(?:, )?)+) in [\d.]+s.*$", re.MULTILINE)
_SINGULAR = {"errors": "error", "warning": "warnings"}


@dataclass
class Running:
    """A suite that is running, and the reader of its stream."""

    process: subprocess.Popen[bytes]
    reader: StreamReader
    state: StreamState

    def poll(self) -> StreamState:
        """Take in what the plugin has written since."""
        self.state.update(self.reader)
        return self.state


@dataclass
class Finished:
    """What the plugin told about a run, and what pytest itself did."""

    returncode: int
    state: StreamState
    folded_counts: dict[str, int]
    """Counts of the single events, without the totals at the end."""
    damaged: int
    output: str
    witness: Path

    @property
    def status(self) -> TestStatus:
        return status_of(self.state, self.returncode)

    @property
    def counts_of_pytest(self) -> dict[str, int] | None:
        """Counts of the terminal reporter; None when pytest did not come that far."""
        return json.loads(self.witness.read_text()) if self.witness.exists() else None

    @property
    def counts_of_summary_line(self) -> dict[str, int] | None:
        """Counts of the last summary line; None without one."""
        lines = _SUMMARY.findall(self.output)
        if not lines:
            return None
        counts: dict[str, int] = {}
        for part in lines[-1].split(", "):
            number, _, word = part.partition(" ")
            if "collected" not in word:
                name: str = _SINGULAR.get(word) or word
                counts[name] = int(number)
        return counts


@contextlib.contextmanager
def started_suite(
    environment: str,
    folder: Path,
    files: dict[str, str],
    arguments: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
) -> Iterator[Running]:
    """Start pytest over `files`; whatever is left of it in the end is killed."""
    root = folder / "project"
    for name, text in {"pytest.ini": "[pytest]\n", "conftest.py": WITNESS, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("# WITNESS", WITNESS), encoding="utf-8")
    request = TestRequest(extra_args=["-p", "no:cacheprovider", *arguments], targets=list(targets))
    env = pytest_environment(os.environ, folder / "stream.jsonl", {"WITNESS": str(folder / "witness.json")})
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            pytest_command(environment_python(environment), root, request),
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Running(process, StreamReader(folder / "stream.jsonl"), StreamState())
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(HANG_SECONDS)


def run_suite(
    environment: str,
    folder: Path,
    files: dict[str, str],
    arguments: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
) -> Finished:
    """Run pytest over `files` to its end."""
    with started_suite(environment, folder, files, arguments, targets) as running:
        returncode = running.process.wait(HANG_SECONDS)
        folded_counts: dict[str, int] = {}
        for record in running.reader.read():
            if record.event == "end":
                folded_counts = dict(running.state.counts)
            running.state.apply(record)
    output = (folder / "output.txt").read_text("utf-8", "replace")
    return Finished(returncode, running.state, folded_counts, running.reader.damaged, output, folder / "witness.json")
