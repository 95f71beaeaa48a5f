"""The background loop on which all servers live."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from att.errors import TimedOut, Unavailable

__all__ = ["HubLoop"]

T = TypeVar("T")
_JOIN_SECONDS = 10.0
_MARGIN_SECONDS = 5.0
"""How long after its own deadline a piece of work may still be waited for; the loop is stuck then."""


class HubLoop:
    """An event loop in a thread of its own.

    Programs that the loop has started are killed when its thread ends (see `leash`).
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="att-mcp-hub", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._cancel_all()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _cancel_all(self) -> None:
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=1))

    def run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run a coroutine, which takes at most `seconds`, on the loop, from another thread, and return its result.

        Raises TimedOut when there is none a margin later, Unavailable when the loop has ended, and what the work does.
        """
        try:
            done: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise Unavailable("ATT is closing.") from None
        try:
            return done.result(seconds + _MARGIN_SECONDS)
        except CancelledError:
            raise Unavailable("ATT is closing.") from None
        except TimeoutError:
            if done.done():
                raise  # by the work itself
            done.cancel()
            raise TimedOut(
                f"The connections to MCP servers have not answered within {seconds + _MARGIN_SECONDS:g} s; try again, "
                "and restart ATT if it stays so."
            ) from None

    def call(self, work: Callable[[], object]) -> None:
        """Call a function on the loop soon."""
        self._loop.call_soon_threadsafe(work)

    def close(self) -> None:
        """Stop the loop, cancel what is left on it, and join its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_JOIN_SECONDS)
