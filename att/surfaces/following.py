"""Follow any operation that takes a cursor and returns a page: ask it again from the last cursor, gently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from att.errors import Invalid
from att.models import Page
from att.operations import Operation

__all__ = ["SLOWEST", "Follower", "elements", "has_news"]

SLOWEST = 5
"""A quiet sequence is looked at so many times more rarely than a busy one."""
_SLOWING = 1.25
_START_ONLY = frozenset({"tail"})
"""Arguments that say where to begin; they are left out once there is somewhere to go on from."""


def elements(page: Page) -> list[Any]:
    """Return the elements of a page, whatever its field is called."""
    found: list[Any] = getattr(page, page.items_field)
    return found


def has_news(page: Page) -> bool:
    """Say whether a page tells anything: elements, or a field that differs from its default (a loss, for example)."""
    if elements(page):
        return True
    fields = type(page).model_fields
    told = (name for name in fields if name not in ("cursor", "has_more", page.items_field))
    return any(not fields[name].is_required() and getattr(page, name) != fields[name].default for name in told)


class Follower:
    """One operation that is being followed. Not for several threads at once.

    `step` asks once and returns a page with news or None; `pause_seconds` says how long to wait before the next
    step, which is nothing while more can be read, and grows up to `SLOWEST` times `interval_seconds` in silence.
    A sequence that is complete (its last page has no cursor) ends by itself.
    """

    def __init__(
        self,
        call: Callable[[Operation, Mapping[str, Any]], Any],
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        cursor: str | None = None,
        interval_seconds: float = 0.05,
    ) -> None:
        if not operation.followable:
            raise Invalid(f"{operation.name} cannot be followed: it has no cursor to go on from.")
        self.operation = operation
        self.ended = False
        self._call = call
        self._arguments = {name: value for name, value in arguments.items() if name != "cursor"}
        self.cursor = cursor if cursor is not None else arguments.get("cursor")
        self._interval = interval_seconds
        self.pause_seconds = interval_seconds
        if self.cursor is not None:
            self._leave_the_start()

    def step(self) -> Page | None:
        """Ask once; return the page when it tells anything new, else None.

        Raises what the operation raises.
        """
        given = self._arguments if self.cursor is None else {**self._arguments, "cursor": self.cursor}
        page: Page = self._call(self.operation, given)
        self._leave_the_start()
        news = has_news(page) and (bool(elements(page)) or page.cursor != self.cursor)
        if page.cursor is not None:
            self.cursor = page.cursor
        elif elements(page):
            self.ended = True
        self._set_pause(page, news)
        return page if news else None

    def _leave_the_start(self) -> None:
        self._arguments = {name: value for name, value in self._arguments.items() if name not in _START_ONLY}

    def _set_pause(self, page: Page, news: bool) -> None:
        if page.has_more:
            self.pause_seconds = 0.0
        elif news:
            self.pause_seconds = self._interval
        else:
            slower = max(self.pause_seconds, self._interval) * _SLOWING
            self.pause_seconds = min(slower, self._interval * SLOWEST)
