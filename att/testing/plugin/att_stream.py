"""Write what pytest does to the file named by ATT_TEST_STREAM, one JSON line an event. PYTEST_DONT_REWRITE

Loaded with `-p att_stream` into the project's own Python, so it uses nothing but the standard library and pytest:
Python 3.8 or newer, pytest 6.2 or newer. Without the variable it does nothing; that is how the workers of
pytest-xdist and a pytest started by a test stay silent. `att.testing.records` describes the lines.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._io import TerminalWriter
from _pytest.reports import TestReport

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Stream", "Writer", "pytest_configure"]

VARIABLE = "ATT_TEST_STREAM"
LONGREPR_BYTES = 64 * 1024
SECTION_BYTES = 16 * 1024
MESSAGE_BYTES = 4 * 1024
FULL_FAILURES = 1000
FULL_WARNINGS = 1000
PLAIN = b'{"event":"phase","id":%d,"when":"%s","outcome":"passed","category":"%s","seconds":%.6f,"at":%.6f%s}\n'
PHASES = {"setup": b"setup", "call": b"call", "teardown": b"teardown"}
PLAIN_CATEGORIES = {"": b"", "passed": b"passed"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Writer:
    """Append lines to the file; never let the file's trouble become the suite's trouble.

    What it calls is bound here, because a test may patch `os`, `json` or `time` while its phases are reported.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._write, self._open, self._fstat = os.write, os.open, os.fstat
        self._flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._encode = json.JSONEncoder(separators=(",", ":")).encode
        self._tick = time.perf_counter
        self._epoch = time.time() - self._tick()
        self._torn = False
        self._silent = False
        self._reopen()
        os.register_at_fork(after_in_child=self._silence)

    def now(self) -> float:
        """Return seconds since the epoch, also while a test has frozen the clock."""
        return self._epoch + self._tick()

    def event(self, name: str, **fields: Any) -> None:
        """Write one event with the time."""
        record = {"event": name, "at": round(self.now(), 6)}
        record.update(fields)
        self.line(self._encode(record).encode("ascii") + b"\n")

    def line(self, line: bytes) -> None:
        """Write one line at once; after a failed write the next line starts on its own."""
        if self._silent:
            return
        if self._torn:
            line = b"\n" + line
        try:
            self._check_descriptor()
            self._torn = True
            while line:
                line = line[self._write(self._fd, line) :]
            self._torn = False
        except OSError:  # a full disk ends no test run
            pass

    def _check_descriptor(self) -> None:
        # A test may close every descriptor and open its own under the same number.
        try:
            status = self._fstat(self._fd)
        except OSError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != self._identity:
            self._reopen()

    def _reopen(self) -> None:
        self._fd = self._open(self._path, self._flags, 0o600)
        status = self._fstat(self._fd)
        self._identity = (status.st_dev, status.st_ino)

    def _silence(self) -> None:
        self._silent = True


def _clip(value: Any, limit: int) -> str:
    """Return text that any JSON reader accepts, its middle left out beyond `limit` bytes."""
    data = str(value).encode("utf-8", "backslashreplace")
    if len(data) > limit:
        head = data[: limit // 4]
        tail = data[len(data) - (limit - len(head) - 64) :]
        left_out = f"\n... {len(data) - len(head) - len(tail)} bytes left out ...\n"
        return head.decode("utf-8", "ignore") + left_out + tail.decode("utf-8", "ignore")
    return data.decode("utf-8")


def _colourless(value: Any) -> str:
    """Return text without the colours that pytest gives to what differs when it is told to use any."""
    return COLOURS.sub("", str(value))


def _crash(report: Any) -> dict[str, Any] | None:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return None
    return {
        "path": _clip(crash.path, MESSAGE_BYTES),
        "line": int(crash.lineno),
        "message": _clip(_colourless(crash.message), MESSAGE_BYTES),
    }


def _reason(report: Any) -> str | None:
    """Return why a test was skipped or expected to fail."""
    if hasattr(report, "wasxfail"):
        return _clip(report.wasxfail, MESSAGE_BYTES)
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return _clip(report.longrepr[2], MESSAGE_BYTES)
    return None


def _representation(report: Any) -> str:
    """Return the failure as the terminal shows it; `longreprtext` would cut the indentation of its first line."""
    text = io.StringIO()
    writer = TerminalWriter(text)
    writer.hasmarkup = False
    report.toterminal(writer)
    return text.getvalue().rstrip().lstrip("\n")


def _failure(report: Any, limit: int) -> dict[str, Any]:
    sections = [[_clip(title, 200), _clip(text, min(limit, SECTION_BYTES))] for title, text in report.sections[:32]]
    location = getattr(report, "location", None)
    return {
        "longrepr": _clip(_colourless(_representation(report)), limit),
        "crash": _crash(report),
        "sections": sections,
        "line": location[1] if location else None,
    }


def _subtest(report: Any) -> str | None:
    """Return the description of a subtest (pytest 9 or pytest-subtests); None for a test."""
    if type(report).__name__.lower() != "subtestreport":
        return None
    describe = getattr(report, "_sub_test_description", None) or report.sub_test_description
    return _clip(describe(), MESSAGE_BYTES)


class Stream:
    """The plugin of one pytest session; under pytest-xdist that of the controller."""

    def __init__(self, config: Any, writer: Writer) -> None:
        self._config = config
        self._writer = writer
        self._counts: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._begun: dict[str, str] = {}  # nodeid: last phase reported
        self._failures = 0
        self._collected = False

    def _count(self, category: str, number: int = 1) -> None:
        if category:
            self._counts[category] = self._counts.get(category, 0) + number

    def _id(self, nodeid: str) -> int:
        number = self._ids.get(nodeid)
        if number is None:
            number = self._ids[nodeid] = len(self._ids)
            self._writer.event("test", id=number, nodeid=_clip(nodeid, LONGREPR_BYTES))
        return number

    def _collect(self, nodeids: list[str]) -> None:
        unknown = [nodeid for nodeid in dict.fromkeys(nodeids) if nodeid not in self._ids]
        first = len(self._ids)
        self._ids.update((nodeid, first + index) for index, nodeid in enumerate(unknown))
        names = [_clip(nodeid, LONGREPR_BYTES) for nodeid in unknown]
        self._writer.event("collected", count=len(nodeids), first_id=first, nodeids=names)

    # -- the session ----------------------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        config = self._config
        plugins = {f"{dist.project_name}-{dist.version}" for _, dist in config.pluginmanager.list_plugin_distinfo()}
        self._writer.event(
            "session",
            rootdir=_clip(config.rootpath, MESSAGE_BYTES),
            plugins=sorted(plugins),
            workers=len(getattr(config.option, "tx", None) or []) if config.pluginmanager.hasplugin("dsession") else 0,
            maxfail=getattr(config.option, "maxfail", None) or 0,
        )

    def pytest_collection_finish(self, session: Any) -> None:
        self._collect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        # Every worker collects the same tests, and only `--dist each` runs them on all.
        if not self._collected or getattr(self._config.option, "dist", "no") == "each":
            self._collected = True
            self._collect(list(ids))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._count("error")
            self._writer.event("collect_error", nodeid=_clip(report.nodeid, MESSAGE_BYTES), **self._detail(report))
        elif report.skipped:
            self._count("skipped")
            self._writer.event("collect_skip", nodeid=_clip(report.nodeid, MESSAGE_BYTES), reason=_reason(report))

    def pytest_deselected(self, items: list[Any]) -> None:
        self._count("deselected", len(items))
        self._writer.event("deselected", count=len(items))

    def pytest_internalerror(self, excrepr: Any) -> None:
        self._writer.event("internal_error", longrepr=_clip(excrepr, LONGREPR_BYTES))

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self._writer.event("interrupt", type=excinfo.type.__name__, message=_clip(excinfo.value, MESSAGE_BYTES))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        if error:
            self._writer.event("worker_down", worker=node.gateway.id, error=_clip(error, MESSAGE_BYTES))

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str) -> None:
        self._count("warnings")
        if self._counts["warnings"] > FULL_WARNINGS:
            return
        self._writer.event(
            "warning",
            when=when,
            nodeid=_clip(nodeid, MESSAGE_BYTES),
            category=warning_message.category.__name__,
            message=_clip(warning_message.message, MESSAGE_BYTES),
            path=_clip(warning_message.filename, MESSAGE_BYTES),
            line=warning_message.lineno,
        )

    # Outermost, so that what other plugins do at the end is counted too.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> Generator[None, Any, None]:
        yield
        self._writer.event("end", exitstatus=int(session.exitstatus), counts=self._final_counts())

    def _final_counts(self) -> dict[str, int]:
        """Return what the terminal shows: plugins correct its numbers afterwards (subtests of repeated tests)."""
        stats = self._stats()
        if not stats:
            return self._counts
        counts = {key: sum(getattr(item, "count_towards_summary", True) for item in stats[key]) for key in stats if key}
        return {str(key): count for key, count in counts.items() if count}

    # -- the tests ------------------------------------------------------------------------------------------------

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begun[nodeid] = ""
        number = self._id(nodeid)
        self._writer.line(b'{"event":"start","id":%d,"at":%.6f}\n' % (number, self._writer.now()))

    # Plugins that run tests again report all phases after the attempt: then the phase is told when it begins.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: Any) -> None:
        if self._begun.get(item.nodeid) == "":
            self._writer.event("enter", id=self._id(item.nodeid), when="call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        if self._begun.get(item.nodeid) == "":
            self._writer.event("enter", id=self._id(item.nodeid), when="teardown")

    # Last, because the terminal has then asked for the category and keeps it: looking is cheaper than asking again.
    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        category = self._category(report) if getattr(report, "count_towards_summary", True) else ""
        self._count(category)
        when = report.when
        if when in ("setup", "call"):
            self._begun[report.nodeid] = when
        else:
            self._begun.pop(report.nodeid, None)
        if (
            report.outcome == "passed"
            and category in PLAIN_CATEGORIES
            and when in PHASES
            and type(report) is TestReport
            and not hasattr(report, "wasxfail")
        ):
            self._plain_phase(report, category)
        else:
            self._phase(report, category)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        # A test that is run again may end without a teardown.
        if self._begun.pop(nodeid, None) is not None:
            self._writer.event("finish", id=self._id(nodeid))

    def _category(self, report: Any) -> str:
        stats = self._stats()
        for category in (*PLAIN_CATEGORIES, *stats):
            reports = stats.get(category)
            if isinstance(reports, list) and reports and reports[-1] is report:
                return str(category)
        status = self._config.hook.pytest_report_teststatus(report=report, config=self._config)
        # With `-p no:terminal` nobody names what passes or fails in its call.
        return str(status[0] if status else report.outcome)

    def _stats(self) -> dict[Any, Any]:
        """Return the reports of each category that the terminal keeps; empty without a terminal."""
        stats = getattr(self._config.pluginmanager.get_plugin("terminalreporter"), "stats", None)
        return stats if isinstance(stats, dict) else {}

    def _plain_phase(self, report: Any, category: str) -> None:
        node = getattr(report, "node", None)
        worker = b"" if node is None else b',"worker":"%s"' % node.gateway.id.encode("ascii")
        what = (self._id(report.nodeid), PHASES[report.when], PLAIN_CATEGORIES[category])
        self._writer.line(PLAIN % (*what, report.duration, self._writer.now(), worker))

    def _phase(self, report: Any, category: str) -> None:
        node = getattr(report, "node", None)
        fields: dict[str, Any] = {
            "id": self._id(report.nodeid),
            "when": str(report.when),
            "outcome": str(report.outcome),
            "category": _clip(category, 200),
            "seconds": getattr(report, "duration", 0.0),
            "worker": None if node is None else node.gateway.id,
            "subtest": _subtest(report),
            "reason": _reason(report),
        }
        if report.outcome not in ("passed", "skipped"):
            fields["failure"] = self._detail(report)
        self._writer.event("phase", **fields)

    def _detail(self, report: Any) -> dict[str, Any]:
        self._failures += 1
        limit = LONGREPR_BYTES if self._failures <= FULL_FAILURES else MESSAGE_BYTES
        try:
            return _failure(report, limit)
        except Exception as error:  # noqa: BLE001 - a project's own representation may raise anything
            return {"longrepr": _clip(f"The failure could not be shown: {error!r}", limit)}


def _boot() -> Writer | None:
    """Open the stream, and leave the environment as the project's own children should see it."""
    path = os.environ.pop(VARIABLE, None)
    if path is None:
        return None
    here = str(Path(__file__).parent)
    rest = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry != here]
    if any(rest):
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)
    writer = Writer(path)
    writer.event("boot", pid=os.getpid(), python=".".join(map(str, sys.version_info[:3])), pytest=pytest.__version__)
    # `os._exit` and signals leave this line out: an interpreter that ends by itself writes it.
    atexit.register(writer.event, "exit")
    return writer


_booted = [_boot()]


def pytest_configure(config: Any) -> None:
    """Follow the first session of the process; a pytest that a test runs in the same process stays silent."""
    writer = _booted.pop() if _booted else None
    if writer is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stream(config, writer), "att-stream")
