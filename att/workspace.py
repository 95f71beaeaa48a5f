"""The workspace: every manager, built once over one data directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from att.code.gitprogram import Git
from att.code.manager import CodeManager
from att.code.operations import CodeOperations
from att.domains import DOMAINS
from att.events.manager import EventLog
from att.events.operations import EventOperations
from att.locking import require_posix
from att.mcp_hub.manager import McpHub
from att.mcp_hub.operations import McpOperations
from att.nat.adapter import NatAdapter
from att.operations import Operation, Operations
from att.projects.grants import Grants
from att.projects.manager import ProjectManager
from att.projects.operations import ProjectOperations
from att.projects.registry import ProjectRegistry
from att.runtime.command import CommandAdapter
from att.runtime.launcher import Launcher
from att.runtime.manager import RuntimeManager
from att.runtime.operations import RuntimeOperations
from att.settings import ATT, load_settings
from att.store import Store
from att.store.place import Place
from att.system.manager import SystemManager
from att.system.operations import SystemOperations
from att.testing.history.manager import HistoryManager
from att.testing.history.operations import TestHistoryOperations
from att.testing.loading.joining import JoiningHistory
from att.testing.manager import TestManager
from att.testing.operations import TestOperations

__all__ = ["Workspace"]

Kind = Literal["server", "embedded", "cli"]


class Workspace:
    """Everything ATT does with one data directory, for one process.

    Opening it migrates the database, adopts what still runs, and takes over supervision when nobody else has it;
    all of that is done when the constructor returns. Close in this order, which `close` keeps: the surfaces stop
    calling, external MCP servers are left and their programs ended, the threads of the test runs, of the setups and of
    the supervisor are joined, the store is closed. Projects are left running.
    """

    def __init__(
        self,
        data_dir: Path | str | None = None,
        *,
        settings: ATT | None = None,
        kind: Kind = "embedded",
        url: str | None = None,
    ) -> None:
        require_posix()
        self.settings = settings or load_settings()
        self.place = Place.of(
            Path(data_dir).expanduser().absolute() if data_dir else self.settings.data_path, self.settings
        )
        self.store = Store(self.place.database, network=self.place.network)
        self.events = EventLog(self.store)
        self.registry = ProjectRegistry(self.store, self.events)
        self.grants = Grants(self.registry)
        self.launcher = Launcher(self.place.projects_dir)
        self.runtime = RuntimeManager(
            self.registry,
            self.launcher,
            self.store,
            self.events,
            adapters=[NatAdapter(), CommandAdapter()],
            settings=self.settings,
            place=self.place,
            kind=kind,
            url=url,
        )
        self.projects = ProjectManager(self.registry, self.runtime, self.launcher, self.events, settings=self.settings)
        self.history = JoiningHistory(
            self.store,
            self.registry,
            keep_days=self.settings.history_days,
            keep_runs=self.settings.history_runs,
        )
        self.tests = TestManager(
            self.registry,
            self.launcher,
            self.store,
            self.events,
            self.history,
            git=Git,
            settings=self.settings,
        )
        self.test_history = HistoryManager(
            self.registry, self.history, self.events, self.place.database, self.tests.settle
        )
        self.code = CodeManager(self.registry, self.events, settings=self.settings)
        self.mcp = McpHub(self.store, self.registry, self.events, settings=self.settings)
        self.system = SystemManager(self.runtime, kind=kind, data_dir=self.place.data_dir, notices=self.place.notices)
        self._targets: Mapping[type[Operations], Operations] = {
            SystemOperations: SystemOperations(self.system),
            ProjectOperations: ProjectOperations(self.projects),
            RuntimeOperations: RuntimeOperations(self.runtime),
            TestOperations: TestOperations(self.tests),
            TestHistoryOperations: TestHistoryOperations(self.test_history),
            CodeOperations: CodeOperations(self.code),
            EventOperations: EventOperations(self.events),
            McpOperations: McpOperations(self.mcp),
        }
        assert set(self._targets) == set(DOMAINS), "every domain needs its managers here"
        try:
            self.runtime.open()
            self.projects.open()
            self.tests.open()
            self.mcp.open(connect=kind == "server")
        except BaseException:
            self.close()
            raise

    def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        """Validate the arguments and run an operation; this is the way of every surface.

        Raises Invalid for wrong arguments, and what the operation declares.
        """
        return operation.call(self._targets[operation.owner], operation.validate(given))

    def bound(self, operation: Operation) -> Callable[..., Any]:
        """Return the operation as a function of keyword arguments."""
        return lambda **given: self.call(operation, given)

    def close(self) -> None:
        """Let go of everything; projects keep running. Closing twice does nothing more."""
        self.mcp.close()
        self.tests.close()
        self.projects.close()
        self.runtime.close()
        self.store.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
