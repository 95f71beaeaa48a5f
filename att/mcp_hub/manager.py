"""The hub: the external MCP servers of a workspace and of its projects, kept connected and asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from att.errors import ATTError, Conflict, Invalid, NotFound, TimedOut, Unavailable
from att.mcp_hub.catalogue import Catalogue, Entry, Key
from att.mcp_hub.failover import Answer, Failover, Question
from att.mcp_hub.importing import read_config, servers_of
from att.mcp_hub.models import (
    McpAttempt,
    McpContents,
    McpImport,
    McpImported,
    McpOrder,
    McpRemoval,
    McpResourceList,
    McpServer,
    McpServerList,
    McpServerStatus,
    McpState,
    McpToolList,
    McpToolResult,
)
from att.mcp_hub.offers import fits, offers_resource, resources_of, tools_of
from att.mcp_hub.references import check_references
from att.mcp_hub.running import Running
from att.mcp_hub.states import USABLE

if TYPE_CHECKING:
    from mcp import Client

    from att.events.manager import EventLog
    from att.events.models import Event
    from att.mcp_hub.actor import ServerActor
    from att.projects.registry import ProjectRegistry
    from att.settings import ATT
    from att.store import Store

__all__ = ["McpHub"]

_LEAVING_SECONDS = 20.0
_log = logging.getLogger("att")


class McpHub:
    """Every external MCP server. Each process has its own connections; the configuration is shared.

    `_lock` guards the making of what runs. Nothing runs before the first use, except in a server's process when
    servers are configured (`open`). What runs follows the configuration at every use, and when a project is deleted.
    """

    def __init__(self, store: Store, registry: ProjectRegistry, events: EventLog, *, settings: ATT) -> None:
        self._catalogue = Catalogue(store, registry)
        self._events = events
        self._settings = settings
        self._lock = threading.Lock()
        self._running: Running | None = None
        self._closed = False
        self._unsubscribe = events.subscribe(self._on_event)

    def open(self, *, connect: bool) -> None:
        """Begin to connect the configured servers, when there are any and `connect` says so."""
        if connect and self._catalogue.all():
            self._actors()

    def close(self) -> None:
        """Leave every server and end every program that was started."""
        with self._lock:
            closed_before, self._closed = self._closed, True
            running, self._running = self._running, None
        if not closed_before:
            self._unsubscribe()
        if running is not None:
            running.close()

    # Configuration

    def servers(self, project: str | None = None, state: McpState | None = None) -> McpServerList:
        """Return the servers that a project sees, or the workspace's, in the preferred order."""
        entries = self._catalogue.visible(project)
        actors = self._actors() if entries or self._running is not None else {}
        found = [_status(entry, actors[entry.key]) for entry in entries if entry.key in actors]
        self._tell_first()
        return McpServerList(servers=[status for status in found if state in (None, status.state)])

    def status(self, server: str, project: str | None = None) -> McpServerStatus:
        """Return one server with its state. Raises NotFound."""
        entry = self._catalogue.find(server, project)
        status = _status(entry, self._actor(entry))
        self._tell_first()
        return status

    def add(self, name: str, project: str | None = None, *, replace: bool = False, **settings: Any) -> McpServerStatus:
        """Add a server and begin to connect it. Raises Conflict, Invalid, NotFound."""
        server = _server(name, project, settings)
        if self._catalogue.add(server, replace=replace) == "unchanged" and not replace:
            raise Conflict(f"There is an MCP server {name!r} with these settings already.", server=name)
        self._events.append("mcp.added", project=project, server=name, transport=server.transport)
        return self.status(name, project)

    def remove(self, name: str, project: str | None = None) -> McpRemoval:
        """Disconnect a server and forget it. Raises NotFound."""
        self._catalogue.remove(name, project)
        self._events.append("mcp.removed", project=project, server=name)
        self._actors()
        return McpRemoval(server=name, project=project)

    def load(
        self, path: str | None, config: dict[str, Any] | None, project: str | None = None, *, replace: bool = False
    ) -> McpImport:
        """Add the servers of an `mcpServers` configuration. Raises Invalid, NotFound, PermissionDenied."""
        if (path is None) == (config is None):
            raise Invalid("Give either path or config.")
        file = None if path is None else Path(path).expanduser().absolute()
        content = config if file is None else read_config(file)
        entries = [*servers_of(content or {}, project, file)]
        done = [self._imported(name, server, replace) for name, server in entries]
        self._actors()
        return McpImport(servers=done)

    def _imported(self, name: str, server: McpServer | ATTError, replace: bool) -> McpImported:
        if isinstance(server, ATTError):
            return McpImported(name=name, result="refused", reason=server.message)
        try:
            result = self._catalogue.add(server, replace=replace)
        except Conflict as error:
            return McpImported(name=name, result="refused", reason=error.message)
        if result != "unchanged":
            self._events.append("mcp.added", project=server.project, server=server.name, transport=server.transport)
        return McpImported.model_validate({"name": server.name, "result": result})

    def prefer(self, servers: Sequence[str], project: str | None = None) -> McpOrder:
        """Set which servers are asked first, for a project or for the workspace. Raises NotFound."""
        self._catalogue.prefer(project, servers)
        return McpOrder(project=project, servers=[e.server.name for e in self._catalogue.visible(project)])

    # Connections

    def connect(self, server: str, project: str | None = None, timeout: float = 30.0) -> McpServerStatus:
        """Connect a server now and keep it so. Raises NotFound, Unavailable with the reason."""
        entry = self._catalogue.find(server, project)
        if not entry.server.enabled:
            self._catalogue.enable(entry, enabled=True)
        actor = self._actor(entry)
        self._loop.run(actor.connect(timeout), timeout)
        status = self.status(server, project)
        if status.state not in USABLE:
            raise Unavailable(
                f"The MCP server {server!r} is {status.state}: {status.reason or 'it did not answer yet'}.",
                server=server,
                state=status.state,
                last_lines=status.last_lines,
            )
        return status

    def disconnect(self, server: str, project: str | None = None) -> McpServerStatus:
        """Leave a server, and stay so until it is connected again. Raises NotFound, TimedOut."""
        entry = self._catalogue.find(server, project)
        self._catalogue.enable(entry, enabled=False)
        actor = self._actor(entry)
        if not self._loop.run(actor.disconnect(_LEAVING_SECONDS), _LEAVING_SECONDS):
            raise TimedOut(
                f"The MCP server {server!r} was not left within {_LEAVING_SECONDS:g} s; look at it again soon.",
                server=server,
            )
        return self.status(server, project)

    # Use

    def tools(self, server: str | None = None, project: str | None = None) -> McpToolList:
        """Return the tools by name, each with the servers that offer it in the order in which they are asked."""
        return tools_of(self._settled(server, project))

    def resources(self, server: str | None = None, project: str | None = None) -> McpResourceList:
        """Return the resources and templates by URI."""
        return resources_of(self._settled(server, project))

    def call(
        self,
        tool: str,
        arguments: dict[str, Any],
        server: str | None = None,
        project: str | None = None,
        *,
        timeout: float = 60.0,
        failover: bool = True,
    ) -> McpToolResult:
        """Call a tool on the first server that answers.

        Raises NotFound when nobody offers it, Invalid when a server refuses the arguments, Unavailable and TimedOut
        with the attempts.
        """
        actors = self._offering(server, project, lambda a: tool in _tool_names(a), "MCP tool", tool)
        # The first answers for itself; another one is asked only if the arguments are meant for it, too.
        actors = [actor for number, actor in enumerate(actors) if number == 0 or fits(actor, tool, arguments)]

        async def request(client: Client) -> Any:
            return await client.call_tool(tool, arguments)

        answer = self._ask(Question(f"the tool {tool!r}", request, timeout, failover), actors, project, tool=tool)
        return McpToolResult(
            tool=tool,
            server=answer.server,
            is_error=bool(answer.value.is_error),
            content=[_json(block) for block in answer.value.content],
            structured=answer.value.structured_content,
            seconds=answer.seconds,
            attempts=answer.attempts,
        )

    def read(
        self, uri: str, server: str | None = None, project: str | None = None, *, timeout: float = 60.0
    ) -> McpContents:
        """Read a resource from the first server that answers. Raises NotFound, Invalid, Unavailable, TimedOut."""
        actors = self._offering(server, project, lambda a: offers_resource(a, uri), "MCP resource", uri)

        async def request(client: Client) -> Any:
            return await client.read_resource(uri, cache_mode="bypass")

        answer = self._ask(Question(f"the resource {uri!r}", request, timeout), actors, project, uri=uri)
        return McpContents(
            uri=uri,
            server=answer.server,
            contents=[_json(part) for part in answer.value.contents],
            seconds=answer.seconds,
            attempts=answer.attempts,
        )

    def _ask(
        self, question: Question[Any], actors: Sequence[ServerActor], project: str | None, **what: str
    ) -> Answer[Any]:
        def tell(attempt: McpAttempt) -> None:
            self._events.append("mcp.attempt", project=project, **what, **attempt.to_json())

        return Failover(self._loop, question, tell).ask(actors)

    def _offering(
        self, server: str | None, project: str | None, offers: Any, kind: str, name: str
    ) -> list[ServerActor]:
        """Return the servers that offer something; those that do not say so are asked once more. Raises NotFound."""
        actors = self._chosen(server, project)
        if not any(map(offers, actors)):
            actors = self._settled(server, project)
        if actors and not any(map(offers, actors)):
            seconds = self._settings.mcp_check_seconds
            self._loop.run(_refreshed(actors, seconds), seconds)
        found = [actor for actor in actors if offers(actor)]
        if found:
            return found
        away = [actor for actor in actors if actor.view.state not in USABLE]
        if server is not None and away:
            view = away[0].view
            raise Unavailable(f"The MCP server {server!r} is {view.state}: {view.reason}".rstrip(": ") + ".")
        known = {offered.name for a in actors if a.view.snapshot for offered in a.view.snapshot.tools}
        raise NotFound.named(kind, name, known if kind == "MCP tool" else ())

    def _settled(self, server: str | None, project: str | None) -> list[ServerActor]:
        """Return the servers when none is in its first attempt to connect any more."""
        actors = self._chosen(server, project)
        connecting = [actor for actor in actors if actor.view.state == "connecting" and actor.view.snapshot is None]
        if connecting:
            seconds = self._settings.mcp_connect_seconds
            self._loop.run(_all_settled(connecting, seconds), seconds)
        return actors

    def _chosen(self, server: str | None, project: str | None) -> list[ServerActor]:
        """Return the one server, or every enabled one that is not removed at this moment. Raises NotFound."""
        if server is not None:
            return [self._actor(self._catalogue.find(server, project))]
        entries = [entry for entry in self._catalogue.visible(project) if entry.server.enabled]
        actors = self._actors() if entries else {}
        return [actors[entry.key] for entry in entries if entry.key in actors]

    def _actor(self, entry: Entry) -> ServerActor:
        """Return the actor of a server. Raises NotFound when the server was removed in between."""
        actor = self._actors().get(entry.key)
        if actor is None:
            raise NotFound.named("MCP server", entry.server.name)
        return actor

    def _actors(self) -> dict[Key, ServerActor]:
        """Return the actor of every configured server, after bringing them in line with the configuration."""
        with self._lock:
            if self._closed:
                raise Unavailable("ATT is closing.")
            if self._running is None:
                self._running = Running(self._catalogue, self._events, self._settings)
            return self._running.follow(self._catalogue.all())

    def _on_event(self, event: Event) -> None:
        running = self._running
        if event.kind == "project.deleted" and running is not None:
            running.soon(self._follow)

    def _follow(self) -> None:
        with suppress(Unavailable):  # closing ends them all
            self._actors()

    def _tell_first(self) -> None:
        """Let nobody see a state whose event cannot be read yet."""
        running = self._running
        if running is not None:
            running.written()

    @property
    def _loop(self) -> Any:
        if self._running is None:
            raise Unavailable("ATT is closing.")
        return self._running.loop


def _server(name: str, project: str | None, settings: dict[str, Any]) -> McpServer:
    try:
        server = McpServer(name=name, project=project, **settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Invalid(
            f"The MCP server cannot be like this: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        ) from None
    if (server.command is None) == (server.address is None):
        raise Invalid(f"The MCP server {name!r} needs either a command or an address.")
    if server.address is not None and not server.address.startswith(("http://", "https://")):
        raise Invalid(f"{server.address!r} is no http or https address.")
    check_references(server)
    return server


def _status(entry: Entry, actor: ServerActor) -> McpServerStatus:
    view = actor.view
    snapshot = view.snapshot
    named = " ".join(filter(None, [snapshot.server_name, snapshot.server_version])) if snapshot else ""
    return McpServerStatus(
        server=entry.server,
        state=view.state,
        reason=view.reason,
        since=view.since,
        protocol_version=snapshot.protocol_version if snapshot else None,
        server_version=named or None,
        tools=len(snapshot.tools) if snapshot else None,
        resources=len(snapshot.resources) if snapshot else None,
        failures=view.failures,
        next_attempt_at=view.next_attempt_at,
        checked_at=view.checked_at,
        latency_seconds=view.latency_seconds,
        last_lines=actor.last_lines,
    )


def _tool_names(actor: ServerActor) -> set[str]:
    return {tool.name for tool in actor.view.snapshot.tools} if actor.view.snapshot else set()


async def _all_settled(actors: Sequence[ServerActor], seconds: float) -> None:
    import asyncio

    await asyncio.gather(*(actor.settled(seconds) for actor in actors))


async def _refreshed(actors: Sequence[ServerActor], seconds: float) -> None:
    import asyncio

    await asyncio.gather(*(actor.refresh(seconds) for actor in actors), return_exceptions=True)


def _json(block: Any) -> dict[str, Any]:
    found: dict[str, Any] = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found
