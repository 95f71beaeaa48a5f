"""The project handle: what can be done with one project, with its id bound."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from att.client.cockpit import cockpit
from att.client.following import Following
from att.client.groups import ProjectEvents
from att.client.live import LiveSetup, live
from att.client.opening import open_in_browser
from att.client.remote import Group, project_remote
from att.client.tests import Tests
from att.code.operations import CodeOperations
from att.errors import ATTError, Unavailable
from att.projects.operations import ProjectOperations
from att.runtime.models import LogLine, RuntimeStatus, Stream
from att.runtime.operations import RuntimeOperations
from att.surfaces.handwritten import RawLogArguments
from att.surfaces.rest import validated

if TYPE_CHECKING:
    import httpx

    from att.client.session import Session
    from att.notebook import Dashboard, LogView
    from att.runtime.logs import RawPage

__all__ = ["Code", "Logs", "ProjectHandle", "Runtime"]

_LIVING = frozenset({"starting", "running", "stopping", "backoff"})


class Runtime(Group):
    """The project's processes: `p.runtime`."""

    start = project_remote(RuntimeOperations.start)
    stop = project_remote(RuntimeOperations.stop)
    restart = project_remote(RuntimeOperations.restart)
    status = project_remote(RuntimeOperations.status)
    health = project_remote(RuntimeOperations.health)
    probe = project_remote(RuntimeOperations.probe)
    runs = project_remote(RuntimeOperations.runs)
    metrics = project_remote(RuntimeOperations.metrics)
    diagnostics = project_remote(RuntimeOperations.diagnostics)


class Logs(Group):
    """What the project writes: `p.logs`."""

    read = project_remote(RuntimeOperations.logs)

    def follow(
        self,
        cursor: str | None = None,
        stream: Stream | None = None,
        tail: int | None = None,
        run: str | None = None,
        probes: bool = False,
        timeout: float | None = None,
        until_exit: bool = False,
    ) -> Following[LogLine]:
        """Iterate over the lines from a cursor on, and those to come, across restarts.

        Without a cursor it begins with the latest run (earlier ones are history: name one with `run`, or keep its
        cursor), and where there is none yet with the first that comes; from there on no run is passed over.
        Ends after `timeout` seconds, when the project has ended and is not going to be restarted (`until_exit`), or
        when it is closed; else never. A lost connection is taken up again where it was.
        """
        reading = {"cursor": cursor, "stream": stream, "tail": tail, "run": run, "probes": probes or None}
        ended = self._ended if until_exit else None
        return self._session.follow(
            RuntimeOperations.logs, {"project": self._project, **reading}, timeout=timeout, ended=ended
        )

    def raw(
        self,
        cursor: str | None = None,
        max_bytes: int = 1024 * 1024,
        run: str | None = None,
        stream: Stream | None = None,
    ) -> RawPage:
        """Read the exact bytes of the project's output from a cursor on, at most `max_bytes`."""
        given = {"project": self._project, "cursor": cursor, "max_bytes": max_bytes, "run": run, "stream": stream}
        return self._session.transport.raw_log(validated(RawLogArguments, given))

    def view(
        self,
        *,
        follow: bool = True,
        max_lines: int = 20_000,
        height: str = "360px",
        stream: Stream | None = None,
        run: str | None = None,
        probes: bool = False,
    ) -> LogView:
        """Return the view of the log for a notebook: live with `follow`, with search, levels, times and download.

        The page and the kernel keep the last `max_lines` rows, fewer of very long ones. Close it when done. Raises
        what reading raises.
        """
        project = self._session.handle(self._project or "")
        chosen = {"follow": follow, "max_lines": max_lines, "height": height, "stream": stream}
        made: LogView = cockpit("LogView")(project, run=run, probes=probes, **chosen)
        return made

    def _ended(self) -> bool:
        status: RuntimeStatus = self._session.caller.ask("runtime.status", {"project": self._project})
        return status.state not in _LIVING


class Code(Group):
    """The project's files: `p.code`."""

    list = project_remote(CodeOperations.list)
    read = project_remote(CodeOperations.read)
    write = project_remote(CodeOperations.write)
    search = project_remote(CodeOperations.search)
    diff = project_remote(CodeOperations.diff)


class ProjectHandle(Group):
    """One project: run it, read it, change it."""

    def __init__(self, session: Session, project: str) -> None:
        super().__init__(session, project)
        self.id = project
        self._http: httpx.Client | None = None

    status = project_remote(ProjectOperations.status)
    update = project_remote(ProjectOperations.update)
    delete = project_remote(ProjectOperations.delete)
    setup = live(ProjectOperations.setup, LiveSetup)
    cancel_setup = live(ProjectOperations.cancel_setup, LiveSetup)

    def archive(self, target: str | PathLike[str]) -> Path:
        """Write the project's folder into `target` as a zip archive, and return its path.

        Raises what reading it raises; a partial file is not left behind.
        """
        path = Path(target).expanduser().absolute()
        partial = path.with_name(f".{path.name}.part")
        try:
            with self._session.transport.archive(self.id) as blocks, partial.open("wb") as file:
                file.writelines(blocks)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return path

    @property
    def session(self) -> Session:
        """The session that this handle belongs to."""
        return self._session

    @property
    def runtime(self) -> Runtime:
        return Runtime(self._session, self._project)

    @property
    def logs(self) -> Logs:
        return Logs(self._session, self._project)

    @property
    def tests(self) -> Tests:
        return Tests(self._session, self._project)

    @property
    def code(self) -> Code:
        return Code(self._session, self._project)

    @property
    def events(self) -> ProjectEvents:
        return ProjectEvents(self._session, self._project)

    @property
    def url(self) -> str | None:
        """The address at which code on ATT's machine reaches the project; None while it has none."""
        return self.runtime.status().url

    @property
    def http(self) -> httpx.Client:
        """An httpx client whose base URL is the project's address, closed with the session.

        Raises Unavailable while the project has no address.
        """
        import httpx

        url = self._address()
        if self._http is None or str(self._http.base_url).rstrip("/") != url.rstrip("/"):
            self._http = self._session.resources.enter_context(httpx.Client(base_url=url, trust_env=False))
        return self._http

    def open(self) -> str:
        """Open the project in the browser, through jupyter-server-proxy when it runs beside a Jupyter server.

        Returns the address. Raises Unavailable while the project has none, and NotSupported when no browser can
        reach it, with what to do.
        """
        return open_in_browser(self._address(), self._session)

    def _address(self) -> str:
        status = self.runtime.status()
        if status.url is None:
            raise Unavailable(
                f"{self.id} has no address: it is {status.state}. Start it with p.runtime.start(); its command has to "
                "use '{port}' or the project a fixed port.",
                project=self.id,
                state=status.state,
            )
        return status.url

    def dashboard(self, *, log_height: str = "280px") -> Dashboard:
        """Return the cockpit of the project for a notebook: buttons, state, health, log, tests, history, events.

        Close it when done; the project goes on. Raises NotFound for an unknown project.
        """
        made: Dashboard = cockpit("Dashboard")(self, log_height=log_height)
        return made

    def __repr__(self) -> str:
        try:
            status = self.runtime.status()
        except ATTError as error:
            return f"<project {self.id}: {error}>"
        return f"<project {self.id}: {status.state}, {status.health}{f', {status.url}' if status.url else ''}>"

    def _repr_html_(self) -> str:
        from att.client.display import handle_html

        return handle_html(self)
