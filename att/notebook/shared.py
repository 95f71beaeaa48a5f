"""What the open widgets of one session share: threads for clicks, the pulse, and the order of closing."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ClassVar, Protocol

from att.client.session import Session
from att.notebook.pulse import Pulse, Topic

__all__ = ["Shared"]

_WORKERS = 4


class Closable(Protocol):
    """A widget that is open until it is closed."""

    def close(self) -> None: ...


class Shared:
    """Made with the first open widget of a session and ended with the last one, or with the session.

    `_lock` protects the set of open widgets and what is made lazily, which nothing makes again once the last widget has
    left: work and news may come late. Close order: widgets, pulse, workers.
    """

    _lock = threading.RLock()
    _of: ClassVar[weakref.WeakKeyDictionary[Session, Shared]] = weakref.WeakKeyDictionary()

    def __init__(self, session: Session) -> None:
        self.session = session
        # Of the cell that made the first widget. What a thread without one sends goes out in the name of the kernel's
        # latest message, and ipykernel 7.4 sends a page's answers to the subshell of that, which may be gone.
        self._context = copy_context()
        self._open: dict[int, Closable] = {}
        self._workers: ThreadPoolExecutor | None = None
        self._pulse: Pulse | None = None

    @classmethod
    def of(cls, session: Session) -> Shared:
        """Return what the session's widgets share now."""
        with cls._lock:
            found = cls._of.get(session)
            if found is None:
                found = cls._of[session] = cls(session)
                # The stack outlives this object; it must not hold it.
                reference: weakref.ref[Shared] = weakref.ref(found)
                session.resources.callback(lambda: _end(reference))
            return found

    @property
    def open(self) -> list[Closable]:
        """The widgets that are open now."""
        with self._lock:
            return list(self._open.values())

    def watch(self, topic: Topic, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Call `callback` with each new value of a topic, in the thread that reads for all widgets; return the end."""
        with self._lock:
            if self._pulse is None:
                self._pulse = Pulse(self.session)
            return self._pulse.watch(topic, callback)

    def touch(self, topic: Topic) -> None:
        """Read a topic again now, if anybody watches."""
        with self._lock:
            if self._pulse is not None:
                self._pulse.touch(topic.key)

    def run(self, work: Callable[[], Any]) -> Future[Any] | None:
        """Do work that may take time in a thread; nothing when the last widget was closed meanwhile."""
        with self._lock:
            if not self._open:
                return None
            if self._workers is None:
                self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="att-action")
            return self._workers.submit(self._context.copy().run, work)

    def enter(self, widget: Closable) -> None:
        """Count an open widget."""
        with self._lock:
            self._open[id(widget)] = widget
            self._of[self.session] = self

    def leave(self, widget: Closable) -> None:
        """Count it off; the last one takes everything along."""
        with self._lock:
            self._open.pop(id(widget), None)
            if self._open:
                return
            self._of.pop(self.session, None)
            pulse, self._pulse = self._pulse, None
            workers, self._workers = self._workers, None
        if pulse is not None:
            pulse.close()
        if workers is not None:
            workers.shutdown(wait=False)

    def close(self) -> None:
        """Close every open widget."""
        for widget in self.open:
            widget.close()


def _end(reference: weakref.ref[Shared]) -> None:
    shared = reference()
    if shared is not None:
        shared.close()
