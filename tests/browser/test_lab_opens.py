"""JupyterLab opens with ATT in it."""

from __future__ import annotations

from tests.support.browser import Lab


def test_jupyterlab_opens_without_an_error_and_asks_no_other_host(panel: Lab) -> None:
    panel.theme("dark")
    panel.theme("light")
    assert (panel.errors, panel.off_site) == ([], [])
