"""What runs of the hub in this process: the loop, an actor for each server, and the writer of what they tell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from att.errors import TimedOut
from att.mcp_hub.catalogue import Catalogue, Entry, Key
from att.mcp_hub.loop import HubLoop

if TYPE_CHECKING:
    import asyncio

    from att.events.manager import EventLog
    from att.mcp_hub.actor import ServerActor, View
    from att.mcp_hub.models import McpSnapshot
    from att.settings import ATT

__all__ = ["Running"]

_GROWING = 4
"""Failures in a row of which each is told; repetitions after that are told when the reason changes."""
_LEAVE_SECONDS = 1.0
_KILL_SECONDS = 3.0
_CHANGE_SECONDS = 10.0
_WRITTEN_SECONDS = 60.0
_log = logging.getLogger("att")


class Running:
    """Owns the loop and the actors. The store is written by one thread, in the order of what happened.

    Closing: the actors leave their servers; programs that have not ended after a second are killed; the loop ends, and
    with its thread every program that is still left; the writer writes what it still has.
    """

    def __init__(self, catalogue: Catalogue, events: EventLog, settings: ATT) -> None:
        # Without a handler of its own the client library would print warnings to standard error.
        logging.getLogger("mcp").addHandler(logging.NullHandler())
        self._catalogue = catalogue
        self._events = events
        self._settings = settings
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="att-mcp-writer")
        self._actors: dict[Key, ServerActor] = {}
        self._leaving: set[ServerActor] = set()
        self._told: dict[Key, str] = {}
        self.loop = HubLoop()

    def follow(self, configured: dict[Key, Entry]) -> dict[Key, ServerActor]:
        """Start, replace and end actors so that there is one for each configured server; return them."""
        gone = [key for key, actor in self._actors.items() if not _same(actor.entry, configured.get(key))]
        new = [entry for key, entry in configured.items() if key not in self._actors or key in gone]
        if gone or new:
            self.loop.run(self._change([self._actors.pop(key) for key in gone], new), _CHANGE_SECONDS)
        return dict(self._actors)

    async def _change(self, gone: list[ServerActor], new: list[Entry]) -> None:
        from att.mcp_hub.actor import ServerActor, Timings

        for actor in gone:
            actor.end()
            self._leaving.add(actor)
            actor.task.add_done_callback(partial(self._left, actor))
        timings = Timings(
            health_seconds=self._settings.mcp_health_seconds,
            check_seconds=self._settings.mcp_check_seconds,
            connect_seconds=self._settings.mcp_connect_seconds,
        )
        for entry in new:
            actor = ServerActor(entry, self, timings)
            actor.task.add_done_callback(_tell_defect)
            self._actors[entry.key] = actor

    def _left(self, actor: ServerActor, _: object) -> None:
        self._leaving.discard(actor)

    def close(self) -> None:
        """End everything, and wait for that."""
        try:
            self.loop.run(_closed([*self._actors.values(), *self._leaving]), _LEAVE_SECONDS + _KILL_SECONDS)
        except TimedOut:
            _log.exception("MCP servers could not be left")
        self.loop.close()
        self._writer.shutdown(wait=True)

    def written(self) -> None:
        """Wait until everything that has been told so far is written down. Raises TimedOut."""
        with suppress(RuntimeError):  # closing has waited for it, then
            written = self._writer.submit(lambda: None)
            try:
                written.result(_WRITTEN_SECONDS)
            except TimeoutError:
                raise TimedOut(
                    f"What happened to the MCP servers was not written within {_WRITTEN_SECONDS:g} s; see whether the "
                    "disk of ATT's data directory is slow."
                ) from None

    def soon(self, work: Callable[[], object]) -> None:
        """Do something in the writer's thread, after all that has been told so far."""
        with suppress(RuntimeError):  # closing has ended everything, then
            self._write(work)

    # What actors tell, on the loop

    def changed(self, entry: Entry, before: View, after: View) -> None:
        """Write down a change of state."""
        self._tell("mcp.state", entry, before=before.state, after=after.state, reason=after.reason)

    def attempted(self, entry: Entry, view: View, error: str) -> None:
        """Write down an attempt to connect."""
        if error and view.failures > _GROWING and self._told.get(entry.key) == error:
            return
        self._told[entry.key] = error
        self._tell("mcp.connect", entry, connected=not error, error=error, failures=view.failures)

    def _tell(self, kind: str, entry: Entry, **data: Any) -> None:
        server = entry.server
        self._write(lambda: self._events.append(kind, project=server.project, server=server.name, **data))

    def offers(self, entry: Entry, snapshot: McpSnapshot) -> None:
        """Keep what a server offers."""
        self._write(lambda: self._catalogue.keep(entry.key, snapshot))

    def _write(self, work: Callable[[], object]) -> None:
        self._writer.submit(work).add_done_callback(_tell_failure)


def _same(entry: Entry, configured: Entry | None) -> bool:
    """Say whether a server is still the same; whether it is enabled is the actor's own affair."""
    if configured is None:
        return False
    return entry.server.model_copy(update={"enabled": True}) == configured.server.model_copy(update={"enabled": True})


async def _closed(actors: list[ServerActor]) -> None:
    import asyncio

    if not actors:
        return
    for actor in actors:
        actor.end()
    _, left = await asyncio.wait({actor.task for actor in actors}, timeout=_LEAVE_SECONDS)
    if left:
        for actor in actors:
            actor.kill()
        await asyncio.wait(left, timeout=_KILL_SECONDS)


def _tell_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("An MCP server is not looked after any more", exc_info=error)


def _tell_failure(done: Future[object]) -> None:
    if (error := done.exception()) is not None:
        _log.error("The hub cannot write down what has happened", exc_info=error)
