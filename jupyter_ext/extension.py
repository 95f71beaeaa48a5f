"""The Jupyter server extension: settings, routes, start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

from jupyter_core.paths import jupyter_runtime_dir
from jupyter_events import EventLogger
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from att.settings import ATT, load_settings
from jupyter_ext import panel
from jupyter_ext.activity import Activity
from jupyter_ext.api import ApiHandler, EventSocket, ProjectSocket
from jupyter_ext.events import SCHEMA_FILE, repeat_events
from jupyter_ext.handlers import api_prefix
from jupyter_ext.hosting import Host, Hosted
from jupyter_ext.mcp_handlers import McpHandler, WellKnownHandler, build_manager, still_holds
from jupyter_ext.mcp_lifespan import Lifespans
from jupyter_ext.runtime_file import RuntimeFile, sweep

__all__ = ["ATTApp"]

_LIBRARY_LOG = logging.getLogger("att")
_WILDCARDS = ("", "*", "0.0.0.0", "::", "0:0:0:0:0:0:0:0")  # noqa: S104 - compared with, not bound to


class ATTApp(ExtensionApp):
    """Hosts ATT in a Jupyter server.

    Loading only adds routes. Once the server listens, a thread writes `att-<pid>.json` and opens the workspace, which
    adopts what still runs; requests wait for that. Stopping ends the streams and closes the workspace; projects go on
    unless `c.ATT.stop_on_shutdown` is set.
    """

    name = "att"
    description = "Run, watch and test Python projects from Jupyter."
    classes = [ServerApp, ATT]  # noqa: RUF012 - the trait's own way

    host: Host | None = None
    activity: Activity | None = None
    mcp: Lifespans | None = None
    _file: RuntimeFile | None = None
    _watching: asyncio.Task[None] | None = None
    _end_events: Callable[[], None] | None = None
    _log_handlers: Sequence[logging.Handler] = ()

    @property
    def server(self) -> ServerApp:
        """The server that this extension is loaded in."""
        return cast(ServerApp, self.serverapp)

    def initialize_settings(self) -> None:
        self.token = secrets.token_hex(32)
        self.instance_id = uuid.uuid4().hex
        base = api_prefix(self.server.base_url)
        self.host = Host(load_settings(self.config), base, self.instance_id, self.log, self._begin)
        self.mcp = Lifespans(partial(build_manager, self.host), partial(still_holds, self.host), self.log)
        self.settings.update(att_host=self.host, att_token=self.token, att_mcp=self.mcp)
        self._take_logs()

    def _take_logs(self) -> None:
        """Let what ATT's library logs appear in the server's log, from the level that is set."""
        assert self.host is not None
        _LIBRARY_LOG.setLevel(self.host.settings.log_level)
        self._log_handlers = list(self.log.handlers)
        for handler in self._log_handlers:
            _LIBRARY_LOG.addHandler(handler)

    def initialize_handlers(self) -> None:
        self.handlers.extend(
            [
                (r"/api/v1/ws", EventSocket),
                (r"/api/v1/projects/([^/]+)/ws", ProjectSocket),
                (r"/api/v1(?:/.*)?", ApiHandler),
            ],
        )
        if self._mcp_path:
            path = re.escape(self._mcp_path)
            self.handlers.extend([(f"{path}/?", McpHandler), (rf"{path}/\.well-known", WellKnownHandler)])

    @property
    def _mcp_path(self) -> str:
        """The path below the base URL with a slash before it, or an empty text when MCP is not served."""
        assert self.host is not None
        words = self.host.settings.mcp_path.strip("/")
        return f"/{words}" if words else ""

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:  # noqa: ARG002
        """Begin to open the workspace; the server's address is known now."""
        self._begin()

    def _begin(self) -> None:
        assert self.host is not None
        if self._watching is None:
            opening = self.host.open(_address(self.server), self._announce)
            self._watching = asyncio.ensure_future(self._go_on(opening))

    def _announce(self) -> None:
        """Write the runtime file and sweep those of dead servers. Runs in a worker thread."""
        import psutil

        from att.system.models import API_VERSION

        server, folder = self.server, Path(jupyter_runtime_dir())
        facts = {
            "url": _address(server),
            "sock": server.sock,
            "certfile": server.certfile,
            "token": self.token,
            "pid": os.getpid(),
            "create_time": psutil.Process().create_time(),
            "instance_id": self.instance_id,
            "data_dir": str(self.host.settings.data_path) if self.host else "",
            "api_version": API_VERSION,
        }
        self._file = RuntimeFile(folder, facts)
        try:
            self._file.write()
            sweep(folder)
        except OSError as error:
            self.log.error("ATT cannot write %s, so kernels do not find it: %s", self._file.path, error)  # noqa: TRY400

    async def _go_on(self, opening: asyncio.Future[Hosted]) -> None:
        """Repeat events and watch activity once the workspace is open."""
        assert self.host is not None
        await asyncio.wait({opening})
        if opening.cancelled() or opening.exception() is not None:
            return
        hosted, loop = opening.result(), asyncio.get_running_loop()
        counts = self.host.settings.running_counts_as_activity
        from att.system.models import PROXY

        if _enabled(self.server, "jupyter_server_proxy"):
            hosted.workspace.system.capabilities.add(PROXY)
        await self.host.run(self._tell_of_the_panel, hosted)
        self._see_who_has_the_mcp_path(hosted)
        self.activity = Activity(self.host, self.server.web_app.settings)
        logger = cast(EventLogger, self.server.event_logger)
        await self.host.run(logger.register_event_schema, SCHEMA_FILE)
        changed = self.activity.look if counts else _nothing
        self._end_events = repeat_events(hosted.workspace.events, logger, loop, changed)
        self.log.info("ATT serves %s (%s)", self.host.base, self.host.settings.data_path)
        if counts:
            await self.activity.watch(hosted)

    def _see_who_has_the_mcp_path(self, hosted: Hosted) -> None:
        """Tell in health whether MCP is served; another extension may have taken the path before."""
        if not self._mcp_path:
            return
        url = url_path_join(self.server.base_url, self._mcp_path)
        other = _served_by_other(self.server, url)
        if other is None:
            from att.system.models import MCP_SERVER

            hosted.workspace.system.capabilities.add(MCP_SERVER)
            return
        notice = f"{url} belongs to {other}, so agents do not reach ATT there. Set c.ATT.mcp_path to another path."
        self.log.warning("%s", notice)
        hosted.workspace.system.notices.append(notice)

    def _tell_of_the_panel(self, hosted: Hosted) -> None:
        """Say in the health whether JupyterLab has ATT's panel. Runs in a worker thread."""
        installed, system = panel.is_installed(), hosted.workspace.system
        system.capabilities.add(f"labextension:{'built' if installed else 'missing'}")
        if not installed and _enabled(self.server, "jupyterlab"):
            system.notices.append(panel.MISSING)

    def current_activity(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Say whether the server has a reason to stay: only a running project, only when the setting says so."""
        return self.activity is not None and self.activity.running

    async def stop_extension(self) -> None:
        """End streams, close the workspace and remove the runtime file, within bounded time."""
        if self._end_events is not None:
            self._end_events()
            self._end_events = None
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        if self._file is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._file.remove)
        if self.mcp is not None:
            await self.mcp.close()
        if self.host is not None:
            await self.host.close()
        for handler in self._log_handlers:
            _LIBRARY_LOG.removeHandler(handler)


def _address(server: ServerApp) -> str:
    """Return a URL by which a process of this machine reaches the server."""
    url = server.connection_url
    if server.sock or server.ip not in _WILDCARDS:
        return url
    local = "[::1]" if ":" in server.ip else "127.0.0.1"
    return urlsplit(url)._replace(netloc=f"{local}:{server.port}").geturl()


def _enabled(server: ServerApp, package: str) -> bool:
    found = server.extension_manager.extensions.get(package)
    return found is not None and bool(found.enabled)


def _served_by_other(server: ServerApp, url: str) -> str | None:
    """Return the handler that answers at `url` when it is not ATT's."""
    connection = SimpleNamespace(context=SimpleNamespace(remote_ip="", protocol="http"), set_close_callback=_nothing)
    request = HTTPServerRequest(
        start_line=RequestStartLine("POST", url, "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "localhost"}),
        connection=connection,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    )
    found = server.web_app.find_handler(request)
    handler = getattr(found, "handler_class", None)
    return None if handler is McpHandler or handler is None else f"{handler.__module__}.{handler.__qualname__}"


def _nothing(*_: object) -> None:
    pass
