"""What the command line writes: values as text or JSON, followed elements one by one, errors in one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import Any

from att.client.display import text
from att.client.wording import brief, line_of
from att.errors import ATTError
from att.models import Model
from att.operations import Operation
from att.terminal import plain

__all__ = ["Output"]

_GREEN, _YELLOW, _RED, _DIM = 32, 33, 31, 2
_COLOURS = {
    "● running": _GREEN,
    "✓ healthy": _GREEN,
    "✓ succeeded": _GREEN,
    "✓ passed": _GREEN,
    "~ transient": _YELLOW,
    "↻ backoff": _YELLOW,
    "✗ unhealthy": _RED,
    "✗ failed": _RED,
    "✖ crash_loop": _RED,
    "? lost": _RED,
}
_COLOURED = re.compile("|".join(map(re.escape, _COLOURS)))


class Output:
    """Writes results to stdout and everything else to stderr; colours only on a terminal, beside words."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        terminal = sys.stdout.isatty()
        self._coloured = terminal and not as_json and "NO_COLOR" not in os.environ
        self._width = shutil.get_terminal_size().columns if terminal else None

    def result(self, operation: Operation, value: Any) -> None:
        """Write the result of an operation."""
        if self.as_json:
            self._write(operation.result_adapter.dump_json(value, indent=2).decode())
        else:
            self._write(text(value, width=self._width, colours=self._coloured))

    def element(self, value: Any) -> None:
        """Write one element of a followed sequence: a line of text, or of JSON."""
        if self.as_json:
            self._write(value.model_dump_json() if isinstance(value, Model) else json.dumps(value))
        else:
            self._write(line_of(value, colours=self._coloured))

    def error(self, error: ATTError) -> None:
        """Write an error in one line, and the last lines of what has failed below it."""
        if self.as_json:
            self.note(json.dumps(error.to_problem(), default=str))
            return
        self.note(f"att: {' '.join(plain(error.message).split())}")
        for line in error.details.get("last_lines") or []:
            self.note(f"  {plain(line['text'] if isinstance(line, dict) else brief(line))}")

    def note(self, line: str) -> None:
        """Tell a person something that is not the result."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    def _write(self, shown: str) -> None:
        if self._coloured:
            shown = _COLOURED.sub(lambda found: f"\x1b[{_COLOURS[found[0]]}m{found[0]}\x1b[0m", shown)
        print(shown.removesuffix("\n"), flush=True)  # noqa: T201
