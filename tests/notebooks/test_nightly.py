"""The nightly notebook under papermill: green is green, and red fails the run after its charts are drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import att
from att.testing.sample_reports import sample_reports
from tests.notebooks.test_notebooks import ROOT, environment

NOTEBOOK = ROOT / "notebooks" / "nightly-tests.ipynb"
TESTS = [f"tests/test_night.py::test_{number}" for number in range(8)]


def papermill(folder: Path, **parameters: Any) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    """Run the notebook; return how papermill ended and the code cells of what it wrote."""
    given = [part for name, value in parameters.items() for part in ("-p", name, str(value))]
    written = folder / "tonight.ipynb"
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(written), "--no-progress-bar", *given]
    env = environment(folder, ATT_EMBEDDED="1")
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=110)
    cells = json.loads(written.read_text())["cells"] if written.exists() else []
    return done, [cell for cell in cells if cell["cell_type"] == "code"]


def charts(cells: list[dict[str, Any]]) -> int:
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project with a history, one test that passes and one that fails."""
    folder = tmp_path / "night"
    (folder / "tests" / "unit").mkdir(parents=True)
    (folder / "tests" / "unit" / "test_night.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.owl\ndef test_owls_are_awake():\n    pass\n\n"
        "def test_the_sun_shines():\n    assert 'moon' == 'sun'\n"
    )
    reports = tmp_path / "reports"
    sample_reports(reports, TESTS, 12)
    with att.connect(embedded=True, data_dir=tmp_path / "data") as session:
        handle = session.project("night", path=folder, python=sys.executable)
        loaded = handle.tests.load(reports)
        assert (loaded["result"] == "imported").all()
    return "night"


@pytest.mark.timeout(120)
def test_a_green_night_ends_well(project: str, tmp_path: Path) -> None:
    done, cells = papermill(tmp_path, project=project, suite="all", markers="owl", timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    assert charts(cells) == 3
    assert cells[-1]["outputs"][0]["text"] == ["passed\n"]


@pytest.mark.timeout(120)
def test_a_red_night_fails_papermill_after_its_charts(project: str, tmp_path: Path) -> None:
    done, cells = papermill(tmp_path, project=project, suite="unit", timeout=60)
    assert done.returncode != 0
    assert "TestsFailed" in done.stderr
    assert charts(cells) == 3
    (error,) = [output for output in cells[-1]["outputs"] if output["output_type"] == "error"]
    assert error["ename"] == "TestsFailed"
    assert "1 passed, 1 failed" in error["evalue"]
    assert "test_the_sun_shines: AssertionError" in error["evalue"] or "assert 'moon' == 'sun'" in error["evalue"]
