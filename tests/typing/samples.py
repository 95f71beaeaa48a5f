"""What type checkers must see of the client; checked by mypy and pyright, never run."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import httpx
import pandas as pd
from matplotlib.figure import Figure

import att
from att.code.models import CodeDiff, FileContent, FilePage, FileWritten, SearchPage
from att.events.models import Event, EventPage
from att.mcp_hub.models import McpContents, McpImport, McpServerList, McpServerStatus, McpToolList, McpToolResult
from att.projects.models import ProjectChange, ProjectPage, ProjectRemoval, ProjectStatus, TemplateList
from att.runtime.logs import RawPage
from att.runtime.models import (
    Diagnostics,
    ExitRecord,
    HealthSignal,
    LogLine,
    LogPage,
    MetricsSeries,
    Probe,
    RunPage,
    RuntimeStatus,
)
from att.system.models import OperationList, SystemHealth
from att.testing.history.models import HistoryPruned
from att.testing.history.table import Table
from att.testing.models import TestFailure, TestOutcomePage, TestRunPage, TestStatus


def the_door() -> None:
    assert_type(att.connect(), att.Session)
    assert_type(att.connect("http://127.0.0.1:8888/", "token"), att.Session)
    assert_type(att.connect(embedded=True, data_dir="data"), att.Session)
    assert_type(att.__version__, str)


def a_session(s: att.Session) -> None:
    assert_type(s.health(), SystemHealth)
    assert_type(s.operations(), OperationList)
    assert_type(s.projects.list(limit=10), ProjectPage)
    assert_type(s.projects.templates(), TemplateList)
    assert_type(s.projects.create("demo", template="service", path="demo"), att.ProjectHandle)
    assert_type(s.projects.create("demo", command=["a"], wait=False), att.ProjectHandle | att.LiveSetup)
    assert_type(s.projects.download("demo", "https://example.org/a.zip"), att.ProjectHandle)
    assert_type(s.projects.download("demo", "https://example.org/a.zip", wait=False), att.LiveSetup)
    assert_type(s.project("demo", command=["a"], restart="always", probes=[Probe(kind="tcp")]), att.ProjectHandle)
    probed = s.projects.create("demo", path=Path("demo"), probes=[{"kind": "http", "url": "/health"}])
    assert_type(probed, att.ProjectHandle)
    probes = [Probe(kind="tcp")]
    s.project("demo", path=Path("demo"), command=["python", "app.py"], python=Path("python"), probes=probes)
    s.project("demo", path=3)  # type: ignore[arg-type]
    s.project("demo", command="python app.py")  # type: ignore[arg-type]
    assert_type(s.events.list(kinds=["runtime"]), EventPage)
    assert_type(s.events.follow(timeout=1), att.Following[Event])
    s.project("demo", restart="sometimes")  # type: ignore[arg-type]
    s.projects.list(page=1)  # type: ignore[call-arg]


def a_project(p: att.ProjectHandle) -> None:
    assert_type(p.status(), ProjectStatus)
    assert_type(p.update(env={"A": "1"}), ProjectChange)
    assert_type(p.delete(files=True), ProjectRemoval)
    assert_type(p.setup(), att.LiveSetup)
    assert_type(p.setup().wait(timeout=10), att.LiveSetup)
    assert_type(p.cancel_setup(), att.LiveSetup)
    assert_type(p.url, str | None)
    assert_type(p.http, httpx.Client)
    assert_type(p.open(), str)
    assert_type(p.events.list(tail=5), EventPage)
    p.update(comand=["a"])  # type: ignore[call-arg]


def its_processes(p: att.ProjectHandle) -> None:
    status = p.runtime.start(wait="healthy", timeout=60)
    assert_type(status, RuntimeStatus)
    assert_type(status.pid, int | None)
    assert_type(status.exit, ExitRecord | None)
    assert_type(p.runtime.stop(), RuntimeStatus)
    assert_type(p.runtime.restart(wait=None), RuntimeStatus)
    assert_type(p.runtime.status(resources=True), RuntimeStatus)
    assert_type(p.runtime.health(), HealthSignal)
    assert_type(p.runtime.probe(), HealthSignal)
    assert_type(p.runtime.runs(), RunPage)
    assert_type(p.runtime.metrics(), MetricsSeries)
    assert_type(p.runtime.diagnostics(), Diagnostics)
    p.runtime.start(wait="helthy")  # type: ignore[arg-type]
    p.runtime.start("demo")  # type: ignore[arg-type]


def its_output(p: att.ProjectHandle) -> None:
    assert_type(p.logs.read(cursor=None, limit=500), LogPage)
    assert_type(p.logs.raw(max_bytes=100), RawPage)
    for line in p.logs.follow(until_exit=True):
        assert_type(line, LogLine)
    p.logs.read(stream="both")  # type: ignore[arg-type]


def its_files(p: att.ProjectHandle) -> None:
    assert_type(p.code.list(pattern="**/*.py"), FilePage)
    assert_type(p.code.read("app.py"), FileContent)
    assert_type(p.code.write("app.py", "text"), FileWritten)
    assert_type(p.code.search("needle"), SearchPage)
    assert_type(p.code.diff(), CodeDiff)


def its_tests(p: att.ProjectHandle) -> None:
    run = p.tests.run(suite="unit", markers="not slow", timeout=60, wait=False)
    assert_type(run, att.LiveTestRun)
    assert_type(run.wait(timeout=10), att.LiveTestRun)
    assert_type(run.cancel(), att.LiveTestRun)
    assert_type(run.check().passed, int)
    assert_type(run.status, TestStatus | None)
    assert_type(run.failures, list[TestFailure])
    assert_type(p.tests.status(run.run_id), att.LiveTestRun)
    assert_type(p.tests.results(outcomes=["failed"]), TestOutcomePage)
    assert_type(p.tests.runs(limit=5), TestRunPage)
    p.tests.run(executor="kubernetes")  # type: ignore[arg-type]


def its_history(s: att.Session, p: att.ProjectHandle) -> None:
    h = p.tests.history(since="90d", branch="main")
    assert_type(h, att.History)
    assert_type(s.history(since=None), att.History)
    assert_type(h.runs, pd.DataFrame)
    assert_type(h.flaky(min_runs=5), pd.DataFrame)
    assert_type(h.compare("main", "feature/x", unchanged=True), pd.DataFrame)
    assert_type(h.select(branch="main"), att.History)
    assert_type(h.plot.duration("tests/test_a.py::test_a", theme="dark"), Figure)
    assert_type(p.tests.flaky(min_runs=5, branch="main"), Table)
    assert_type(p.tests.regressions(recent="7d", baseline=50), Table)
    assert_type(p.tests.first_failed().to_frame(), pd.DataFrame)
    assert_type(p.tests.prune(keep_days=365), HistoryPruned)
    assert_type(p.tests.load(Path("reports"), match="(?P<branch>[^/]+)/", tz="Europe/Berlin"), pd.DataFrame)
    p.tests.flaky(minimum=5)  # type: ignore[call-arg]
    h.plot.trend(theme="sepia")  # type: ignore[arg-type]


def mcp_servers(s: att.Session) -> None:
    assert_type(s.mcp.servers(project="demo"), McpServerList)
    assert_type(s.mcp.add("git", command="mcp-server-git", env={"A": "1"}), McpServerStatus)
    assert_type(s.mcp.load("mcp.json"), McpImport)
    assert_type(s.mcp.connect("git", timeout=5), McpServerStatus)
    assert_type(s.mcp.tools(), McpToolList)
    assert_type(s.mcp.call("git_status", {"repo_path": "."}, project="demo"), McpToolResult)
    assert_type(s.mcp.read("file:///a.txt"), McpContents)
    s.mcp.add("git", program="mcp-server-git")  # type: ignore[call-arg]
