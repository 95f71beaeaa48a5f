"""Reads what the open widgets of a session show: when an event says so, and now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Protocol

from att.client.session import Session
from att.client.stopping import Stop
from att.errors import ATTError, Internal
from att.events.models import Event
from att.events.operations import EventOperations
from att.operations import operation_of

__all__ = ["Pulse", "Topic"]

_LOG = logging.getLogger(__name__)
_EVENTS = operation_of(EventOperations.list)
_AGAIN_SECONDS = 1.0
_IDLE_SECONDS = 60.0


class Topic(Protocol):
    """Something that widgets show, known by its key."""

    @property
    def key(self) -> str: ...

    def read(self, session: Session, before: Any) -> Any:
        """Read it anew; `before` is the last value, or None."""
        ...

    def failed(self, before: Any, error: ATTError) -> Any:
        """Return the value that tells that reading failed."""
        ...

    def seconds(self, value: Any) -> float:
        """Return how long the value is good for when no event comes."""
        ...

    def concerns(self, event: Event) -> bool:
        """Say whether the value may be another after the event."""
        ...


@dataclass
class _Watched:
    topic: Topic
    callbacks: list[Callable[[Any], None]] = field(default_factory=list)
    value: Any = None
    due: float = 0.0


class Pulse:
    """One thread reads and draws, one follows the events. `_lock` protects what is watched and when it is due."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._stop = Stop()
        self._threads = [
            threading.Thread(target=copy_context().run, args=(does,), name=name, daemon=True)
            for does, name in ((self._read, "att-pulse"), (self._listen, "att-pulse-events"))
        ]
        for thread in self._threads:
            thread.start()

    def watch(self, topic: Topic, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Call `callback` in the pulse's thread with each new value, soon for the first time; return the end."""
        with self._lock:
            watched = self._watched.setdefault(topic.key, _Watched(topic))
            watched.callbacks.append(callback)
            watched.due = 0.0
        self._wake.set()
        return lambda: self._leave(topic.key, callback)

    def touch(self, key: str) -> None:
        """Read a topic again now."""
        with self._lock:
            if key in self._watched:
                self._watched[key].due = 0.0
        self._wake.set()

    def close(self) -> None:
        """End both threads."""
        self._closed.set()
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def _leave(self, key: str, callback: Callable[[Any], None]) -> None:
        with self._lock:
            watched = self._watched.get(key)
            if watched is not None and callback in watched.callbacks:
                watched.callbacks.remove(callback)
                if not watched.callbacks:
                    del self._watched[key]

    def _read(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            moment = time.monotonic()
            with self._lock:
                due = [watched for watched in self._watched.values() if watched.due <= moment]
            for watched in due:
                self._refresh(watched)
            with self._lock:
                soonest = min((w.due for w in self._watched.values()), default=moment + _IDLE_SECONDS)
            self._wake.wait(max(0.0, soonest - time.monotonic()))

    def _refresh(self, watched: _Watched) -> None:
        if self._closed.is_set():
            return
        topic = watched.topic
        # What happens while it is read makes it due again.
        watched.due = time.monotonic() + _IDLE_SECONDS
        try:
            watched.value = topic.read(self._session, watched.value)
        except ATTError as error:
            watched.value = topic.failed(watched.value, error)
        except Exception as error:  # noqa: BLE001 - it is logged
            # Shown, and tried again: a view that stands still without a word would be worse.
            _LOG.exception("%s could not be read", topic.key)
            watched.value = topic.failed(watched.value, Internal(f"{topic.key} could not be read: {error}"))
        watched.due = min(watched.due, time.monotonic() + topic.seconds(watched.value))
        with self._lock:
            callbacks = list(watched.callbacks)
        for callback in callbacks:
            try:
                callback(watched.value)
            except Exception:  # noqa: BLE001 - it is logged
                # One widget that cannot draw must not stop the others.
                _LOG.exception("a widget of %s could not be drawn", topic.key)

    def _listen(self) -> None:
        cursor: str | None = None
        while not self._closed.is_set():
            given = {"cursor": cursor} if cursor else {"tail": 1}
            try:
                for page in self._session.transport.pages(_EVENTS, given, None, self._stop):
                    if page is not None:
                        cursor = page.cursor or cursor
                        self._heard(getattr(page, "events", []))
            except ATTError:
                # The reading thread meets the same error, and shows it.
                self._listen_again()
            except Exception:  # noqa: BLE001 - it is logged
                _LOG.exception("the events could not be followed")
                self._listen_again()

    def _heard(self, events: list[Event]) -> None:
        with self._lock:
            for watched in self._watched.values():
                if any(watched.topic.concerns(event) for event in events):
                    watched.due = 0.0
        self._wake.set()

    def _listen_again(self) -> None:
        self._all_due()
        self._closed.wait(_AGAIN_SECONDS)

    def _all_due(self) -> None:
        with self._lock:
            for watched in self._watched.values():
                watched.due = 0.0
        self._wake.set()
