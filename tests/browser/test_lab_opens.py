"""JupyterLab opens with ATT in it."""

from __future__ import annotations

from tests.support.browser import Lab


def test_jupyterlab_opens_without_an_error_and_asks_no_other_host(lab: Lab) -> None:
    lab.open()
    lab.theme("dark")
    lab.theme("light")
    assert (lab.errors, lab.off_site) == ([], [])
