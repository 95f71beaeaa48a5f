"""Answers of the database that are kept until somebody writes to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from att.store.engine import Store

__all__ = ["Memo"]

_MOST = 256
T = TypeVar("T")


class Memo(Generic[T]):
    """Keeps answers as long as the database is unchanged: who follows something asks the same again and again.

    `_lock` guards the answers; the database is asked outside it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._version: int | None = None
        self._answers: dict[Hashable, T] = {}

    def get(self, question: Hashable, ask: Callable[[], T], *, worth: Callable[[T], bool] = lambda _: True) -> T:
        """Return the answer that is kept, or what `ask` returns, which is kept if it is `worth` the memory.

        Everybody gets the same object, so it must not be changed.
        """
        # Read before asking: an answer that is older than its version would be kept too long.
        version = self._store.version()
        with self._lock:
            if version != self._version:
                self._version = version
                self._answers.clear()
            elif question in self._answers:
                return self._answers[question]
        answer = ask()
        if worth(answer):
            with self._lock:
                if version == self._version and len(self._answers) < _MOST:
                    self._answers[question] = answer
        return answer
