"""What each operation is tried with: one success, and each declared error that can be provoked."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import (
    ATTError,
    Busy,
    Conflict,
    Invalid,
    NotFound,
    NotSupported,
    PermissionDenied,
    StartFailed,
    TimedOut,
    TooLarge,
    Unavailable,
)
from att.operations import Operation
from tests.support.bare import BARE

__all__ = ["ERRORS", "SUCCESS", "UNREACHED", "Stage", "provoked"]

SLEEPER = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"]
MCP_PROGRAM = Path(__file__).parents[1] / "mcp_hub" / "programs" / "plain.py"
NO_PROGRAM = {"command": "/no/such/program"}
IMPOSSIBLE = "/proc/att-cannot-be-made"
Given = dict[str, Any]


class Stage:
    """Makes what an operation needs, and clears it away."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder
        self._made: list[str] = []
        self._servers: list[str] = []
        self._open = ExitStack()

    def name(self) -> str:
        """Return a new id; a project of that id is removed in the end."""
        self._made.append(f"p{uuid.uuid4().hex[:12]}")
        return self._made[-1]

    def project(self, **settings: Any) -> ProjectHandle:
        """Register a project that sleeps."""
        name = self.name()
        path = self.folder / name
        path.mkdir(exist_ok=True)
        (path / "a.txt").write_text("needle\n")
        return self.session.project(name, **{"path": str(path), "command": SLEEPER, **settings})

    def running(self) -> ProjectHandle:
        """Start a project that sleeps."""
        project = self.project()
        project.runtime.start(wait="running")
        return project

    def silent(self) -> str:
        """Return an address that takes connections and never answers."""
        listening = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        return f"http://127.0.0.1:{listening.getsockname()[1]}/a.zip"

    def server_name(self) -> str:
        """Return the name of a new MCP server, which is removed in the end."""
        self._servers.append(f"s{uuid.uuid4().hex[:12]}")
        return self._servers[-1]

    def mcp(self, **settings: Any) -> str:
        """Add a small MCP server, and return its name."""
        name = self.server_name()
        self.session.mcp.add(name, **(settings or mcp_program(name)))
        return name

    def clear(self) -> None:
        self._open.close()
        for name in self._servers:
            try:
                self.session.mcp.remove(name)
            except NotFound:
                continue
        for name in self._made:
            project = self.session.handle(name)
            try:
                project.delete()
            except NotFound:
                continue


def mcp_program(name: str) -> Given:
    """Return the settings of a small MCP server."""
    return {"command": sys.executable, "args": ["-I", "-S", str(MCP_PROGRAM), "--name", name]}


def _of(**given: Any) -> Callable[[Stage], Given]:
    return lambda stage: {"project": stage.project().id, **given}


def _running(**given: Any) -> Callable[[Stage], Given]:
    return lambda stage: {"project": stage.running().id, **given}


def _repository(folder: Path) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def _git(stage: Stage) -> Given:
    folder = stage.folder / (project := stage.project().id)
    _repository(folder)
    (folder / "a.txt").write_text("other\n")
    return {"project": project}


def _cloned(stage: Stage) -> Given:
    origin = stage.folder / "origin"
    origin.mkdir()
    (origin / "a.txt").write_text("a\n")
    _repository(origin)
    name = stage.name()
    stage.session.projects.create(name, git_url=str(origin), path=str(stage.folder / name))
    return {"project": name}


def _fetching(stage: Stage) -> Given:
    name = stage.name()
    stage.session.projects.download(name, stage.silent(), path=str(stage.folder / name), wait=False)
    return {"project": name}


def _tested(body: str = "pass", **given: Any) -> Callable[[Stage], Given]:
    """Make a project with one test."""

    def prepare(stage: Stage) -> Given:
        project = stage.project(env=BARE)
        (stage.folder / project.id / "test_it.py").write_text(f"import time\ndef test_it(): {body}\n")
        return {"project": project.id, **given}

    return prepare


def _with_run(stage: Stage) -> Given:
    given = _tested()(stage)
    return {**given, "run": stage.session.handle(given["project"]).tests.run().run_id}


def _two_runs(stage: Stage) -> Given:
    """Make a project whose history has two reports; the test failed in the first one."""
    given = _tested()(stage)
    folder = stage.folder / given["project"]
    outcomes = {"old0000": "<failure message='AssertionError: no'>E   AssertionError: no</failure>", "new0000": ""}
    for day, (commit, outcome) in enumerate(outcomes.items(), 1):
        case = f"<testcase classname='test_it' name='test_it' time='0.5'>{outcome}</testcase>"
        suite = f"<testsuite name='pytest' timestamp='2026-01-0{day}T00:00:00'>{case}</testsuite>"
        (folder / f"{commit}.xml").write_text(suite)
    stage.session.handle(given["project"]).tests.load(folder, match="(?P<commit>[a-z]+0000)")
    return given


def _report(stage: Stage) -> Given:
    given = _tested()(stage)
    for name in ("here.xml", "there.xml"):
        text = f"<testsuite><testcase classname='test_it' name='{name}'/></testsuite>"
        (stage.folder / given["project"] / name).write_text(text)
    return {**given, "path": str(stage.folder / given["project"] / "here.xml"), "files": ["there.xml"]}


def _testing(stage: Stage) -> Given:
    given = _tested("time.sleep(600)")(stage)
    return {**given, "run": stage.session.handle(given["project"]).tests.run(wait=False).run_id}


def _only_project(prepare: Callable[[Stage], Given]) -> Callable[[Stage], Given]:
    return lambda stage: {"project": prepare(stage)["project"]}


SUCCESS: dict[str, Callable[[Stage], Given]] = {
    "system.health": lambda stage: {},
    "system.operations": lambda stage: {},
    "project.create": lambda stage: {"id": stage.name(), "command": SLEEPER, "env": {"A": "1"}},
    "project.download": lambda stage: {
        "id": (name := stage.name()),
        "url": "http://127.0.0.1:9/never.zip",
        "path": str(stage.folder / name),
        "wait": False,
    },
    "project.list": lambda stage: {"limit": 10},
    "project.templates": lambda stage: {},
    "project.status": _of(),
    "project.update": _of(restart="always", probes=[{"kind": "tcp", "port": 1}], env={"A": "1"}),
    "project.delete": _of(files=True),
    "project.setup": _cloned,
    "project.cancel_setup": _fetching,
    "project.events": _of(kinds=["project"], limit=5),
    "runtime.start": _of(wait="running", timeout=30),
    "runtime.stop": _running(),
    "runtime.restart": _running(),
    "runtime.status": _running(resources=True),
    "runtime.health": _of(),
    "runtime.probe": _running(),
    "runtime.logs": _running(limit=5),
    "runtime.runs": _running(),
    "runtime.metrics": _running(),
    "runtime.diagnostics": _running(),
    "test.run": _tested(keyword="it", env={"A": "1"}),
    "test.status": _with_run,
    "test.cancel": _testing,
    "test.results": _with_run,
    "test.runs": _only_project(_with_run),
    "test.pass_rate": lambda stage: {**_two_runs(stage), "freq": "W", "since": "all"},
    "test.flaky": lambda stage: {**_two_runs(stage), "min_runs": 1, "since": "2026-01-01", "until": "2027-01-01"},
    "test.slowest": lambda stage: {**_two_runs(stage), "q": 0.9, "limit": 1},
    "test.regressions": lambda stage: {**_two_runs(stage), "recent": 1, "baseline": "7d", "branch": "main"},
    "test.first_failed": lambda stage: {**_two_runs(stage), "nodeid": "test_it.py::test_it", "since": "all"},
    "test.compare": lambda stage: {**_two_runs(stage), "a": "old0000", "b": "new0000", "since": "all"},
    "test.failure_groups": lambda stage: {**_two_runs(stage), "since": "all"},
    "test.import": _report,
    "test.prune": lambda stage: {**_two_runs(stage), "keep_runs": 1},
    "code.list": _of(pattern="*.txt"),
    "code.read": _of(path="a.txt"),
    "code.write": _of(path="new.txt", content="new\n"),
    "code.search": _of(query="needle"),
    "code.diff": _git,
    "event.list": lambda stage: {"kinds": ["project", "runtime"], "limit": 5},
    "mcp.servers": lambda stage: {"project": stage.project().id},
    "mcp.status": lambda stage: {"server": stage.mcp()},
    "mcp.add": lambda stage: {"server": (name := stage.server_name()), **mcp_program(name), "env": {"A": "1"}},
    "mcp.remove": lambda stage: {"server": stage.mcp()},
    "mcp.import": lambda stage: {"config": {"mcpServers": {(name := stage.server_name()): mcp_program(name)}}},
    "mcp.connect": lambda stage: {"server": stage.mcp(), "timeout": 30},
    "mcp.disconnect": lambda stage: {"server": stage.mcp()},
    "mcp.prefer": lambda stage: {"servers": [stage.mcp()]},
    "mcp.tools": lambda stage: {"server": stage.mcp()},
    "mcp.resources": lambda stage: {"server": stage.mcp()},
    "mcp.call": lambda stage: {"tool": "echo", "arguments": {"text": "hello"}, "server": stage.mcp()},
    "mcp.read": lambda stage: {"uri": f"plain://{(name := stage.mcp())}", "server": name},
}

Error = tuple[str, type[ATTError]]


def _taken(stage: Stage) -> Given:
    return {"id": stage.project().id, "command": SLEEPER}


def _large(stage: Stage) -> Given:
    project = stage.project()
    with (stage.folder / project.id / "large.bin").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    return {"project": project.id, "path": "large.bin"}


ERRORS: dict[Error, Callable[[Stage], Given]] = {
    ("project.create", Conflict): _taken,
    ("project.create", NotFound): lambda stage: {"id": stage.name(), "template": "no-such-template"},
    ("project.create", PermissionDenied): lambda stage: {"id": stage.name(), "template": "service", "path": IMPOSSIBLE},
    ("project.download", Conflict): lambda stage: {
        "id": (name := stage.project().id),
        "url": "http://127.0.0.1:9/a.zip",
        "path": str(stage.folder / f"other-{name}"),
    },
    ("project.download", PermissionDenied): lambda stage: {
        "id": stage.name(),
        "url": "http://127.0.0.1:9/a.zip",
        "path": IMPOSSIBLE,
    },
    ("project.update", Busy): lambda stage: {**_fetching(stage), "path": str(stage.folder)},
    ("project.delete", PermissionDenied): lambda stage: {
        "project": stage.project(path=str(stage.folder / stage.project().id)).id,
        "files": True,
    },
    ("runtime.start", StartFailed): lambda stage: {"project": stage.project(command=["/no/such/program"]).id},
    ("runtime.restart", StartFailed): lambda stage: {"project": stage.project(command=["/no/such/program"]).id},
    ("runtime.start", Invalid): lambda stage: {"project": stage.project(command=None).id},
    ("runtime.restart", Invalid): lambda stage: {"project": stage.project(command=None).id},
    ("test.run", Busy): _only_project(_testing),
    ("test.run", StartFailed): lambda stage: {"project": stage.project(python="/no/such/python").id},
    ("test.first_failed", NotFound): lambda stage: {**_two_runs(stage), "nodeid": "test_that_is_not_there"},
    ("test.compare", NotFound): lambda stage: {**_two_runs(stage), "a": "nothing", "b": "nothing"},
    ("test.compare", Invalid): lambda stage: {**_of()(stage), "a": "main", "b": "main", "since": "yesterday"},
    ("test.import", Invalid): _of(),
    ("test.import", NotFound): _of(files=["no-such-report.xml"]),
    ("test.import", PermissionDenied): _of(files=["../reports"]),
    ("code.list", PermissionDenied): _of(folder="../.."),
    ("code.read", PermissionDenied): _of(path="../secret"),
    ("code.write", PermissionDenied): _of(path="../secret", content="x"),
    ("code.search", PermissionDenied): _of(query="x", folder="../.."),
    ("code.diff", PermissionDenied): lambda stage: {**_git(stage), "path": "../secret"},
    ("code.diff", NotSupported): _of(),
    ("code.write", Conflict): _of(path="a.txt", content="x", expected_hash="0" * 64),
    ("code.read", TooLarge): _large,
    ("code.write", TooLarge): lambda stage: {
        "project": stage.project().id,
        "path": "big.txt",
        "content": "x" * (10 * 1024 * 1024 + 1),
    },
    ("mcp.add", Conflict): lambda stage: {"server": (name := stage.mcp()), **mcp_program(name)},
    ("mcp.add", NotFound): lambda stage: {"server": "lost", **NO_PROGRAM, "project": "no-such-project"},
    ("mcp.import", NotFound): lambda stage: {"path": "/no/such/file"},
    ("mcp.import", PermissionDenied): lambda stage: {"path": "/"},
    ("mcp.prefer", NotFound): lambda stage: {"servers": ["no-such-server"]},
    ("mcp.connect", Unavailable): lambda stage: {"server": stage.mcp(**NO_PROGRAM)},
    ("mcp.call", Unavailable): lambda stage: {"tool": "echo", "server": stage.mcp(**NO_PROGRAM)},
    ("mcp.call", TimedOut): lambda stage: {"tool": "slow", "server": stage.mcp(), "timeout": 0.5},
    ("mcp.read", Unavailable): lambda stage: {"uri": "plain://it", "server": stage.mcp(**NO_PROGRAM)},
    ("mcp.read", TimedOut): lambda stage: {"uri": "plain://of/slow", "server": stage.mcp(), "timeout": 0.5},
}

_BUSY = "another process would have to hold the project's lock for longer than anyone waits"
_PLATFORM = "only a platform without what ATT needs refuses this"
UNREACHED: dict[Error, str] = {
    ("project.create", NotSupported): _PLATFORM,
    ("project.download", NotSupported): _PLATFORM,
    ("runtime.start", NotSupported): _PLATFORM,
    ("runtime.restart", NotSupported): _PLATFORM,
    ("runtime.start", Busy): _BUSY,
    ("runtime.stop", Busy): _BUSY,
    ("runtime.restart", Busy): _BUSY,
    ("runtime.stop", TimedOut): "a process would have to outlive KILL",
    ("test.run", NotSupported): "the environment of the tests has Dask",
    **{
        (f"test.{name}", TooLarge): "a history of twenty million results would have to be made"
        for name in ("flaky", "slowest", "regressions", "first_failed", "failure_groups")
    },
    ("test.prune", Busy): "another process would have to write for longer than anyone waits",
    ("code.diff", TimedOut): "git would have to hang",
    ("mcp.disconnect", TimedOut): "a server's process would have to outlive KILL",
}
"""Declared errors that this test does not provoke, each with the reason."""


def provoked(operation: Operation, error: type[ATTError]) -> Callable[[Stage], Given] | None:
    """Return what makes an operation raise a declared error; wrong and unknown project ids do for many."""
    if (operation.name, error) in ERRORS:
        return ERRORS[operation.name, error]
    wire = {parameter.name for parameter in operation.wire_parameters}
    other = {p.name: "aaaaaaaa" for p in operation.wire_parameters if p.required and p.name != "project"}
    if error is Invalid:
        name = next((n for n in ("project", "id", "limit") if n in wire), None)
        wrong = {"project": "Not A Slug", "id": "Not A Slug", "limit": 0}
        return (lambda stage: {**other, name: wrong[name]}) if name else None
    if error is NotFound and "project" in wire:
        return lambda stage: {**other, "project": "no-such-project"}
    return None
