"""One server's life: connects, looks after its health, and connects again, until it is told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from att.mcp_hub.connection import Connection, Lost, Refused
from att.mcp_hub.looking import look_again
from att.mcp_hub.models import McpSnapshot, McpState
from att.mcp_hub.states import ALLOWED, pause_after
from att.models import now

if TYPE_CHECKING:
    from mcp import Client

    from att.mcp_hub.catalogue import Entry

__all__ = ["Reporter", "ServerActor", "Timings", "View"]

T = TypeVar("T")
_MISSES_ALLOWED = 2
"""Checks in a row without an answer after which a connection is made anew."""
_LASTING = timedelta(seconds=1)


@dataclass(frozen=True)
class Timings:
    """Seconds: between checks, until a check counts as missed, and until connecting is given up."""

    health_seconds: float
    check_seconds: float
    connect_seconds: float


@dataclass(frozen=True)
class View:
    """What an actor shows to other threads; replaced as a whole."""

    state: McpState
    reason: str = ""
    since: datetime = field(default_factory=now)
    snapshot: McpSnapshot | None = None
    failures: int = 0
    next_attempt_at: datetime | None = None
    checked_at: datetime | None = None
    latency_seconds: float | None = None


class Reporter(Protocol):
    """Hears what happens to a server; called on the loop, must not block."""

    def changed(self, entry: Entry, before: View, after: View) -> None: ...

    def attempted(self, entry: Entry, view: View, error: str) -> None: ...

    def offers(self, entry: Entry, snapshot: McpSnapshot) -> None: ...


class ServerActor:
    """Runs in one task on the hub's loop. `view` may be read from any thread; everything else belongs to the loop."""

    def __init__(self, entry: Entry, reporter: Reporter, timings: Timings) -> None:
        self.entry = entry
        self._reporter = reporter
        self._timings = timings
        self._wanted = entry.server.enabled
        self._closing = False
        self._attention = asyncio.Event()
        self._moved = asyncio.Event()
        self._latest: Connection | None = None
        self._connection: Connection | None = None
        self._attempts = 0
        self._ended_attempts = 0
        self._misses = 0
        state: McpState = "connecting" if self._wanted else "disconnected"
        self.view = View(state, snapshot=entry.snapshot)
        self.task = asyncio.create_task(self._run(), name=f"att-mcp-actor {entry.server.name}")

    # What others ask of it

    async def ask(self, request: Callable[[Client], Awaitable[T]], seconds: float) -> T:
        """Run a request on the present connection. Raises Lost, Refused, TimeoutError."""
        if self._connection is None:
            raise Lost(self.view.reason or self.view.state, delivered=False)
        return await self._connection.ask(request, seconds)

    async def settled(self, seconds: float) -> None:
        """Wait for the end of the first attempt to connect, or of that after a lost session."""
        await self._until(lambda: self.view.state != "connecting", seconds)

    async def connect(self, seconds: float) -> None:
        """Make an attempt now unless it is connected, and wait for its end."""
        self._wanted = True
        if self._is_usable():
            return
        wanted = self._attempts if self._attempts > self._ended_attempts else self._attempts + 1
        self._attention.set()
        await self._until(lambda: self._is_usable() or self._ended_attempts >= wanted, seconds)

    async def disconnect(self, seconds: float) -> bool:
        """Leave the server and stay so; say whether it is left, or wanted by somebody else again."""
        self._wanted = False
        self._attention.set()
        await self._until(lambda: self.view.state == "disconnected", seconds)
        return self._wanted or self.view.state == "disconnected"

    async def refresh(self, seconds: float) -> None:
        """Look again at what the server offers, if it is connected."""
        if self._connection is not None:
            await asyncio.wait_for(self._check(self._connection, all_of_it=True), seconds)

    def end(self) -> None:
        """Let the task leave the server and end."""
        self._closing = True
        self._attention.set()

    @property
    def last_lines(self) -> list[str]:
        """The end of the error output of the latest connection."""
        return self._latest.last_lines if self._latest is not None else []

    def _is_usable(self) -> bool:
        watch = self._connection.watch if self._connection is not None else None
        return watch is not None and not watch.ended and not watch.session_unknown

    def kill(self) -> None:
        """Kill the server's program, which did not end when it was left."""
        if self._latest is not None:
            self._latest.kill()

    async def _until(self, reached: Callable[[], bool], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not reached() and not self.task.done():
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return

    # Its own task

    async def _run(self) -> None:
        while not self._closing:
            if self._wanted:
                await self._live()
            else:
                self._become("disconnected")
                await self._rest(None)

    async def _live(self) -> None:
        """Make one attempt, look after the connection while it lasts, and rest when it is over."""
        if self.view.state == "disconnected":
            self._become("connecting")
        self._attempts += 1
        connection = Connection(self.entry.server, self._attention.set, self._timings.connect_seconds)
        self._latest, again_at_once = connection, False
        try:
            again_at_once = await self._begun(connection) and await self._looked_after(connection)
        finally:
            self._connection = None
            reason = await connection.close()
        if self._closing or not self._wanted:
            self._attempt_ended()
            return
        if again_at_once:
            self._change(state="connecting", reason="the server does not know the session any more")
            self._attempt_ended()
            return
        failures = self.view.failures + 1
        pause = pause_after(failures)
        self._change(
            state="unreachable",
            reason=reason,
            failures=failures,
            next_attempt_at=now() + timedelta(seconds=pause),
        )
        self._reporter.attempted(self.entry, self.view, reason)
        self._attempt_ended()
        await self._rest(pause)

    async def _begun(self, connection: Connection) -> bool:
        """Wait until the server has shown what it offers; say whether it has."""
        while not connection.ready.done():
            if self._closing or not self._wanted:
                return False
            waker = asyncio.create_task(self._attention.wait())
            awaited: set[asyncio.Future[Any]] = {connection.ready, waker}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            waker.cancel()
            self._attention.clear()
        if connection.ready.cancelled():
            return False
        self._connection = connection
        self._misses = 0
        self._offers(connection.ready.result())
        self._change(state="healthy", reason="", failures=0, next_attempt_at=None, checked_at=now())
        self._reporter.attempted(self.entry, self.view, "")
        self._attempt_ended()
        return True

    async def _looked_after(self, connection: Connection) -> bool:
        """Check the health until the connection is over; say whether a new one is to be made at once."""
        while not (self._closing or connection.task.done() or connection.watch.ended) and self._wanted:
            if await self._rest(self._timings.health_seconds) or connection.watch.troubled:
                connection.watch.troubled = False
                await self._check(connection)
            if connection.watch.session_unknown:
                # Not for a server that forgets every session at once.
                return now() - self.view.since > _LASTING
            if self._misses >= _MISSES_ALLOWED:
                return False
        return False

    async def _check(self, connection: Connection, *, all_of_it: bool = False) -> None:
        known = self.view.snapshot
        if known is None:
            return
        began = asyncio.get_running_loop().time()
        try:
            snapshot = await connection.ask(
                lambda client: look_again(client, known, all=all_of_it), self._timings.check_seconds
            )
        except Lost:
            self._misses = _MISSES_ALLOWED
        except (Refused, TimeoutError) as error:
            if self._connection is not connection:
                return
            self._misses += 1
            self._change(state="degraded", reason=f"the last check failed: {error}")
        else:
            if self._connection is not connection:
                return
            self._misses = 0
            self._offers(snapshot)
            latency = asyncio.get_running_loop().time() - began
            self._change(state="healthy", reason="", checked_at=now(), latency_seconds=latency)

    async def _rest(self, seconds: float | None) -> bool:
        """Wait until something needs attention; say whether the time has passed instead."""
        try:
            async with asyncio.timeout(seconds):
                await self._attention.wait()
        except TimeoutError:
            return True
        finally:
            self._attention.clear()
        return False

    def _offers(self, snapshot: McpSnapshot) -> None:
        before, self.view = self.view.snapshot, replace(self.view, snapshot=snapshot)
        if before is None or _content(before) != _content(snapshot):
            self._reporter.offers(self.entry, snapshot)

    def _attempt_ended(self) -> None:
        self._ended_attempts = self._attempts
        self._moved.set()

    def _become(self, state: McpState) -> None:
        self._change(state=state, reason="", failures=0, next_attempt_at=None)

    def _change(self, *, state: McpState, **changes: object) -> None:
        """Show another state or other facts; the one place where a state changes."""
        before = self.view
        if state != before.state and state not in ALLOWED[before.state]:
            raise RuntimeError(f"an MCP server cannot go from {before.state} to {state}")
        moved = {"since": now()} if state != before.state else {}
        self.view = replace(before, state=state, **changes, **moved)  # type: ignore[arg-type]
        if moved:
            self._reporter.changed(self.entry, before, self.view)
        self._moved.set()


def _content(snapshot: McpSnapshot) -> dict[str, object]:
    return snapshot.model_dump(exclude={"taken_at"})
