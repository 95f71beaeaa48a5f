"""What a person sees while something takes time: lines and progress bars, never on stdout."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

__all__ = ["Show", "in_notebook", "progress", "say", "ticking"]

Show = Callable[[float | None, str], None]
"""Shows the share that is done, when it is known, and what is happening."""

_DELAY_SECONDS = 0.7
_TICK_SECONDS = 0.25
_FORMAT = "{desc} |{bar:20}| {elapsed}"
_BESIDE = len(" |") + 20 + len("| 00:00:00")


def say(text: str) -> None:
    """Tell a person one line on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def in_notebook() -> bool:
    """Say whether this process is a kernel that draws rich output."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and running.__class__.__name__ == "ZMQInteractiveShell"


@contextmanager
def progress(title: str) -> Iterator[Show]:
    """Show progress in a notebook or on a terminal, once it lasts longer than a moment; elsewhere nothing.

    Nothing is left of it. `TQDM_DISABLE=1` turns it off, and a thread in the background has nobody who watches.
    """
    if not _watched():
        yield lambda share, text: None  # noqa: ARG005
        return
    bar = _CellBar(title) if in_notebook() else _TerminalBar(title)
    try:
        yield bar.show
    finally:
        bar.close()


@contextmanager
def ticking(title: str) -> Iterator[None]:
    """Show as `progress` does that a call goes on which tells nothing until it is over."""
    if not _watched():
        yield
        return
    over = threading.Event()
    with progress(title) as show:

        def tick() -> None:
            while not over.wait(_TICK_SECONDS):
                show(None, "")

        # In the context of the cell: else a thread writes below whichever cell runs by then.
        thread = threading.Thread(target=copy_context().run, args=(tick,), name="att-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _watched() -> bool:
    # tqdm's notebook bar does not look at the variable.
    off = os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    here = threading.current_thread() is threading.main_thread()
    return not off and here and (in_notebook() or sys.stderr.isatty())


class _TerminalBar:
    """A bar that is made when it is worth showing: one that tqdm delays is never cleared."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._begun = time.time()
        self._bar: Any = None

    def show(self, share: float | None, text: str) -> None:
        if self._bar is None:
            if time.time() - self._begun < _DELAY_SECONDS:
                return
            self._bar = self._made()
            self._bar.start_t = self._begun
        said = " ".join((f"{self._title}: {text}" if text else self._title).split())
        self._bar.set_description_str(self._fitting(said), refresh=False)
        if share is not None:
            self._bar.n = share
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _made(self) -> Any:
        from tqdm import tqdm

        return tqdm(total=1.0, desc=self._title, bar_format=_FORMAT, leave=False, file=sys.stderr)

    def _fitting(self, said: str) -> str:
        from tqdm.utils import disp_len, disp_trim

        self._bar.ncols = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
        room = max(self._bar.ncols - _BESIDE, 10)
        return said if disp_len(said) <= room else f"{disp_trim(said, room - 1)}…"


class _CellBar(_TerminalBar):
    """A bar below the cell, which is taken away: a closed widget is an error in a page that is loaded again."""

    _place: Any = None

    def close(self) -> None:
        if self._place is not None:
            self._place.update({"text/plain": ""}, raw=True)
        if self._bar is not None:
            super().close()
            for widget in (*self._bar.container.children, self._bar.container):
                for part in (getattr(widget, "style", None), widget.layout, widget):
                    if part is not None:
                        part.close()

    def _made(self) -> Any:
        from IPython.display import display
        from tqdm.notebook import tqdm

        bar = tqdm(total=1.0, bar_format=_FORMAT, leave=False, display=False)
        self._place = display(bar.container, display_id=True)  # type: ignore[no-untyped-call]
        return bar

    def _fitting(self, said: str) -> str:
        return said
