"""A notebook in a real JupyterLab: written, opened and run as a person does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from tests.support.browser import POLLING_MS, Lab

__all__ = ["Notebook", "write_notebook"]

_IDLE = ".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status='idle']"
# As the document has them: how an error is drawn is up to JupyterLab, and to who raised it.
_ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .flatMap(cell => cell.model.sharedModel.outputs ?? []).filter(output => output.output_type === 'error')
    .map(output => `${output.ename}: ${output.evalue}`)"""
_ENDED = f"""() => ({_ERRORS})().length > 0
    || window.jupyterapp.shell.currentWidget.content.widgets.every(cell => cell.model.executionCount)"""
_METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}
_PATIENCE_MS = 60_000


def write_notebook(path: Path, sources: Sequence[str]) -> Path:
    """Write a notebook with a code cell for each source."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": uuid.uuid4().hex[:8],
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source.strip(),
        }
        for source in sources
    ]
    content = {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    return path


class Notebook:
    """A notebook that is open in a page of JupyterLab."""

    def __init__(self, lab: Lab, folder: Path, *sources: str) -> None:
        self.lab = lab
        self.path = write_notebook(folder / f"n{uuid.uuid4().hex[:8]}.ipynb", sources)
        lab.open(self.path.name)
        self.page.locator(".jp-NotebookPanel").wait_for()
        self._ready()
        self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")

    @property
    def page(self) -> Page:
        return self.lab.page

    def run(self) -> Notebook:
        """Run every cell, and wait until all are done; an error in one fails the test."""
        self.lab.execute("notebook:run-all-cells")
        return self.wait()

    def begin(self) -> Notebook:
        """Run every cell, and go on while they run."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        return self

    def wait(self) -> Notebook:
        """Wait until every cell is done; an error in one fails the test."""
        self.page.wait_for_function(_ENDED, timeout=_PATIENCE_MS, polling=POLLING_MS)
        errors = self.page.evaluate(_ERRORS)
        assert errors == [], errors
        self.page.locator(_IDLE).wait_for(timeout=_PATIENCE_MS)
        return self

    def restart_kernel(self) -> None:
        """Restart the kernel as the menu does, without its question."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self._ready()

    def save(self) -> None:
        self.lab.execute("docmanager:save")

    def reload(self, *, save: bool = True) -> None:
        """Save the notebook, unless its server is another one now, and load the page again."""
        if save:
            self.save()
        self.lab.reload()
        self._ready()

    def find(self, selector: str) -> Locator:
        """Return what the selector finds in the outputs."""
        return self.page.locator(f".jp-OutputArea {selector}")

    def click(self, label: str) -> None:
        """Click the button with this text."""
        self.find(f"button.jupyter-button:has-text('{label}')").first.click()

    def picture(self, name: str, selector: str) -> None:
        """Take a picture of what the selector finds, light and dark, under `.cache/screenshots`."""
        self.lab.pictures({name: self.find(selector)})

    def value(self, script: str, selector: str = ".att-log") -> Any:
        """Evaluate a function of the first element that the selector finds."""
        return self.find(selector).first.evaluate(script)

    def _ready(self) -> None:
        self.page.locator(_IDLE).wait_for(timeout=_PATIENCE_MS)
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.ready")
