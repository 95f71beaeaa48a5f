"""What a person sees while something takes time: lines and progress bars, never on stdout."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Show", "in_notebook", "progress", "say"]

Show = Callable[[float | None, str], None]
"""Shows the share that is done, when it is known, and what is happening."""

_DELAY_SECONDS = 0.7
_FORMAT = "{desc} |{bar:20}| {elapsed}"


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
    # tqdm's notebook bar does not look at the variable.
    off = os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    watched = threading.current_thread() is threading.main_thread() and (in_notebook() or sys.stderr.isatty())
    if off or not watched:
        yield lambda share, text: None  # noqa: ARG005
    elif in_notebook():
        with _in_cell(title) as show:
            yield show
    else:
        from tqdm import tqdm

        with tqdm(total=1.0, desc=title, bar_format=_FORMAT, delay=_DELAY_SECONDS, leave=False, file=sys.stderr) as bar:
            yield lambda share, text: _advance(bar, title, share, text)


@contextmanager
def _in_cell(title: str) -> Iterator[Show]:
    """Show a bar below the cell and take it away: a closed widget is an error in a page that is loaded again."""
    from IPython.display import display
    from tqdm.auto import tqdm

    begun, place = time.monotonic(), None
    with tqdm(total=1.0, desc=title, bar_format=_FORMAT, leave=False, display=False) as bar:

        def show(share: float | None, text: str) -> None:
            nonlocal place
            _advance(bar, title, share, text)
            if place is None and time.monotonic() - begun >= _DELAY_SECONDS and hasattr(bar, "container"):
                place = display(bar.container, display_id=True)  # type: ignore[no-untyped-call]

        yield show
    if place is not None:
        place.update({"text/plain": ""}, raw=True)


def _advance(bar: Any, title: str, share: float | None, text: str) -> None:
    bar.set_description_str(f"{title}: {text}" if text else title, refresh=False)
    if share is not None:
        bar.n = share
    bar.refresh()
