"""Type checkers see the declared signatures through the session and the handles."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).with_name("samples.py")
ROOT = Path(__file__).parents[2]
CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", "--warn-unused-ignores", str(SAMPLES)],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable, str(SAMPLES)],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_samples_have_the_types_they_assert(checker: str) -> None:
    done = subprocess.run(
        [sys.executable, *CHECKERS[checker]], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
