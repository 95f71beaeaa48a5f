"""Executes notebooks in place, and keeps of their outputs what a reader sees without a kernel: `make notebooks`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.notebooks.test_notebooks import NOTEBOOKS, WIDGET, environment

__all__ = ["execute"]


def execute(path: Path, env: dict[str, str]) -> None:
    """Run every cell and write the notebook; one that raises is left as it was."""
    book = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        book,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=env)
    # Their kernel is gone: JupyterLab would say so instead of showing the HTML beside a view.
    book.metadata.pop("widgets", None)
    for data in _outputs(book):
        data.pop(WIDGET, None)
    for cell in book.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(book, path)  # type: ignore[no-untyped-call]


def _outputs(book: Any) -> Iterator[dict[str, Any]]:
    for cell in book.cells:
        for output in cell.get("outputs", []):
            yield output.get("data", {})


if __name__ == "__main__":
    home = Path(tempfile.gettempdir()) / "att-demo-data"
    shutil.rmtree(home, ignore_errors=True)
    for notebook in [Path(name).resolve() for name in sys.argv[1:]] or NOTEBOOKS:
        print(notebook.name, flush=True)
        execute(notebook, environment(home, ATT_EMBEDDED="1", ATT_DATA_DIR=str(home)))
