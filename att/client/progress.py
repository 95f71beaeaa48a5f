"""What a person sees while something takes time: lines and progress bars, never on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Show", "in_notebook", "progress", "say"]

Show = Callable[[float | None, str], None]
"""Shows the share that is done, when it is known, and what is happening."""

_DELAY_SECONDS = 0.7


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

    `TQDM_DISABLE=1` turns it off.
    """
    # tqdm's notebook bar does not look at the variable.
    if os.environ.get("TQDM_DISABLE", "0") not in ("", "0") or not (in_notebook() or sys.stderr.isatty()):
        yield lambda share, text: None  # noqa: ARG005
        return
    from tqdm.auto import tqdm

    bar_format = "{desc} |{bar:20}| {elapsed}"
    with tqdm(total=1.0, desc=title, bar_format=bar_format, delay=_DELAY_SECONDS, leave=False, file=sys.stderr) as bar:

        def show(share: float | None, text: str) -> None:
            bar.set_description_str(f"{title}: {text}" if text else title, refresh=False)
            if share is not None:
                bar.n = share
            bar.refresh()

        yield show
