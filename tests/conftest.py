"""What every test begins with."""

from __future__ import annotations

import signal
from typing import Any

import pytest

# A shell without job control starts background jobs with SIGINT ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep on one worker what shares a browser; None for another `--dist`."""
    from tests.support.scheduling import Scopes

    return Scopes(config, log) if config.getvalue("dist") == "loadscope" else None
