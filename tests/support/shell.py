"""An IPython in the process of the tests."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager

from IPython.core.interactiveshell import InteractiveShell

__all__ = ["interactive_shell"]


@contextmanager
def interactive_shell() -> Iterator[InteractiveShell]:
    """Start a shell, and end it here: at the end of the process each would search the whole memory for rubbish."""
    shell = InteractiveShell.instance()
    try:
        yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
        if shell.history_manager is not None:
            shell.history_manager.end_session()
            shell.history_manager.close()
        InteractiveShell.clear_instance()
