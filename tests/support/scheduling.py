"""How pytest-xdist divides the tests."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

__all__ = ["Scopes"]

TOGETHER = ("tests/browser/test_lab", "tests/browser/test_notebook")
APART = "tests/notebooks/test_notebooks.py"


class Scopes(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker one module after another, or what takes about as long.

    Modules that share a JupyterLab and a browser stay on one worker; the notebooks are run once embedded and once
    against a server, which may be two.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(APART):
            return nodeid.partition("[")[0]
        return next((group for group in TOGETHER if nodeid.startswith(group)), str(super()._split_scope(nodeid)))
