"""How pytest-xdist divides the tests."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

__all__ = ["Scopes"]

TOGETHER = ("tests/browser/test_lab", "tests/browser/test_notebook")


class Scopes(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker one module after another; modules that share a JupyterLab and a browser stay on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group in TOGETHER if nodeid.startswith(group)), str(super()._split_scope(nodeid)))
