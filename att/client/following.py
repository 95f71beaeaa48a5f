"""Following a sequence: an iterator over its elements that can be closed, timed and resumed from its cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from att.client.progress import say
from att.models import Page

__all__ = ["TICK_SECONDS", "Following"]

T = TypeVar("T")
TICK_SECONDS = 0.25
"""How often a condition for ending is looked at while there is nothing new."""


class Following(Generic[T]):
    """The elements of a sequence, those there are and those to come.

    Closing it, or leaving `with`, ends it; that is for the thread that iterates.
    A loop that is left ends it, too. What was lost between two pages is told on stderr.
    """

    def __init__(
        self,
        pages: Iterator[Page | None],
        *,
        timeout: float | None = None,
        ended: Callable[[], bool] | None = None,
    ) -> None:
        self._pages = pages
        self._place = _Place()
        end = None if timeout is None else time.monotonic() + timeout
        self._items: Generator[T, None, None] = _items(pages, self._place, end, ended)

    @property
    def cursor(self) -> str | None:
        """Where to go on after the last page that was given out whole; None before the first."""
        return self._place.cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; closing twice does nothing more."""
        self._items.close()
        close = getattr(self._pages, "close", None)
        if close is not None:
            close()


class _Place:
    """Where a following is. The generator knows this and not the following, which is then gone with its last user."""

    cursor: str | None = None


def _items(
    pages: Iterator[Page | None], place: _Place, end: float | None, ended: Callable[[], bool] | None
) -> Generator[Any, None, None]:
    last_look = False
    for page in pages:
        if page is not None:
            _tell_losses(page)
            items: list[Any] = getattr(page, page.items_field)
            yield from items
            place.cursor = page.cursor
        elif last_look:
            return
        elif ended is not None and ended():
            last_look = True
        if end is not None and time.monotonic() >= end:
            return


def _tell_losses(page: Page) -> None:
    if getattr(page, "truncated", False):
        lost = getattr(page, "lost_bytes", None)
        say(f"ATT: {'an unknown number of' if lost is None else lost} bytes before this line are gone.")
