"""A project that writes a coloured log, in a notebook, and what must hold of every view of it."""

from __future__ import annotations

import sys

from tests.support.notebook import Notebook

__all__ = ["COLOURED", "made", "no_line_twice"]

COLOURED = r"""
import logging, time
logging.basicConfig(level=0, format="%(asctime)s %(levelname)-8s %(message)s")
print("\x1b[1;32mStarting\x1b[0m the \x1b[38;5;208mservice\x1b[0m on \x1b[4mport 8000\x1b[0m", end=" ")
print("\x1b[48;2;90;40;120m violet \x1b[0m")
for i in range(40):
    print(f"INFO:     127.0.0.1:5000 - GET /items/{i} 200 OK in {i} ms")
    if i % 9 == 3: logging.warning("slow answer of item %d", i)
    if i % 13 == 5: logging.error("cannot reach the database, try %d", i)
try: 1 / 0
except ZeroDivisionError: logging.exception("it broke")
n = 0
while True:
    time.sleep(0.2)
    print("tick", n, flush=True)
    n += 1
"""


def made(name: str, code: str, where: str = "") -> str:
    """Return the source of a cell that makes the project `p`, which runs this code; `where` is what to connect to."""
    project = f"p = s.project({name!r}, path='.', command=[{sys.executable!r}, '-u', '-c', {code!r}])"
    return f"import att\ns = att.connect({where})\n{project}"


def no_line_twice(notebook: Notebook) -> None:
    """Assert that the ticks of the first view are there from the first one on, each once."""
    ticks = [line for line in notebook.value("el => el.attLog.plain()").splitlines() if line.startswith("tick ")]
    numbers = [int(line.split()[1]) for line in ticks]
    assert numbers == list(range(len(numbers)))
