"""Tells subscribers that a resource has changed, over `resources/subscribe` and over `subscriptions/listen`."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated

from att.errors import ATTError, NotFound
from att.operations import Operation
from att.surfaces.following import SLOWEST, Follower
from att.surfaces.mcp_resources import Address, Library
from att.surfaces.mcp_tools import Call

__all__ = ["Watching"]

_log = logging.getLogger("att.mcp")
CHANGED_BY: dict[str, tuple[str, ...]] = {
    "project.list": ("project", "runtime"),
    "project.status": ("project",),
    "runtime.status": ("runtime",),
    "test.results": ("test",),
    "code.list": ("code", "project"),
}
"""Operations behind resources, with the kinds of events after which they answer something else."""
FOLLOWED = "runtime.logs"
"""The one that no event tells of: it is followed itself."""
_EVENTS = "event.list"

Step = Callable[[Operation, Callable[[], Any]], Awaitable[Any]]
"""Runs one look in a worker thread."""


class Notifier(Protocol):
    """What can tell the one client that subscribed."""

    async def send_resource_updated(self, uri: str) -> None:
        """Say that the resource has changed."""
        ...


class Watching:
    """Looks for changes of the resources that somebody subscribed to, and only while somebody has.

    One task follows the events for all of them; each log that is subscribed to has a task that follows it. Lives on
    one event loop; `close` ends the streams properly, and then the tasks.
    """

    def __init__(
        self, library: Library, operations: Iterable[Operation], call: Call, step: Step, interval_seconds: float
    ) -> None:
        self._library = library
        self._events = next((o for o in operations if o.name == _EVENTS), None)
        self._call = call
        self._step = step
        self._interval = interval_seconds
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus)
        self._wanted: Counter[str] = Counter()
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._ends: set[Callable[[], None]] = set()

    @contextmanager
    def watched(self, uris: Iterable[str]) -> Iterator[None]:
        """Watch resources meanwhile; an address that is none of ours never changes."""
        kept = list(uris)
        self._wanted.update(kept)
        self._adjust()
        try:
            yield
        finally:
            self._wanted.subtract(kept)
            self._adjust()

    def subscribe(self, uri: str, notifier: Notifier) -> Callable[[], None]:
        """Tell one client of changes, until what is returned is called."""
        changed = asyncio.Event()

        def hear(event: object) -> None:
            if event == ResourceUpdated(uri):
                changed.set()

        async def tell() -> None:
            with self.watched([uri]):
                while True:
                    await changed.wait()
                    changed.clear()
                    await notifier.send_resource_updated(uri)

        unsubscribe, telling = self._bus.subscribe(hear), _task(tell())

        def end() -> None:
            unsubscribe()
            telling.cancel()
            self._ends.discard(end)

        self._ends.add(end)
        return end

    async def close(self) -> None:
        """End the streams and the tasks."""
        self.listen.close()
        for end in [*self._ends]:
            end()
        looking = list(self._looking.values())
        self._wanted.clear()
        self._adjust()
        await asyncio.gather(*looking, return_exceptions=True)

    def _adjust(self) -> None:
        """Begin the tasks that are needed now, and end the others."""
        needed = dict(filter(None, (self._look(uri) for uri, count in self._wanted.items() if count > 0)))
        for key in [key for key, task in self._looking.items() if task.done()]:
            del self._looking[key]
        for key in self._looking.keys() - needed.keys():
            self._looking.pop(key).cancel()
        for key in needed.keys() - self._looking.keys():
            self._looking[key] = _task(needed[key]())

    def _look(self, uri: str) -> tuple[str, Callable[[], Coroutine[Any, Any, None]]] | None:
        """Return how changes of a resource are found, under a key that others may share."""
        try:
            address, given = self._library.find(uri)
        except NotFound:
            return None
        if address.operation.name == FOLLOWED:
            return uri, partial(self._follow_log, uri, address, given)
        return (_EVENTS, self._follow_events) if self._events is not None else None

    async def _follow_log(self, uri: str, address: Address, given: dict[str, Any]) -> None:
        begun = {"project": given.get("project"), "tail": 1}
        async for _ in self._news(address.operation, begun):
            await self._bus.publish(ResourceUpdated(uri))

    async def _follow_events(self) -> None:
        assert self._events is not None, "only called when there are events"
        async for page in self._news(self._events, {"tail": 1}):
            happened = {(event.kind.partition(".")[0], event.project) for event in page.events}
            for uri in [uri for uri in self._wanted if self._touched(uri, happened)]:
                await self._bus.publish(ResourceUpdated(uri))

    def _touched(self, uri: str, happened: set[tuple[str, str | None]]) -> bool:
        try:
            address, given = self._library.find(uri)
        except NotFound:
            return False
        kinds, project = CHANGED_BY.get(address.operation.name, ()), given.get("project")
        return any(kind in kinds and project in (None, of) for kind, of in happened)

    async def _news(self, operation: Operation, given: dict[str, Any]) -> AsyncIterator[Any]:
        """Yield each page with news after now; after trouble, such as a project that is not there, look again later."""
        follower = Follower(self._call, operation, given, interval_seconds=self._interval)
        begun, told = False, ""
        while not follower.ended:
            try:
                page = await self._step(operation, follower.step)
            except Exception as error:  # noqa: BLE001 - even a defect must not leave subscribers without news for good
                told = _tell_trouble(operation, error, told)
                begun = True  # whatever comes after the trouble is new
                await asyncio.sleep(self._interval * SLOWEST)
                continue
            if page is not None and begun:
                yield page
            begun, told = True, ""
            await asyncio.sleep(follower.pause_seconds)


def _tell_trouble(operation: Operation, error: Exception, told: str) -> str:
    """Log why nothing could be read, an equal defect once in a row; return the one that was told last."""
    if isinstance(error, ATTError):
        _log.debug("%s cannot be followed: %s", operation.name, error)
        return told
    if repr(error) != told:
        _log.error("Following %s failed; it is tried again", operation.name, exc_info=error)
    return repr(error)


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.ensure_future(work)
    task.add_done_callback(_told)
    return task


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("Watching resources failed", exc_info=task.exception())
