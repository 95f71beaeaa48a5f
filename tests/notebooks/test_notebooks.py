"""Every notebook runs as it stands and gives the outputs that it shows, embedded and against a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.jupyter import jupyter_server

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"
WIDGET = "application/vnd.jupyter.widget-view+json"
TOURS = [path for path in NOTEBOOKS if path.stem[0].isdigit()]
PICTURE_BYTES = 150_000


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATT_", "JPY_", "JUPYTER"))}
    # A progress bar shows only what takes long, so it is no part of what a notebook says.
    own = {"TQDM_DISABLE": "1", "ATT_DATA_DIR": str(folder / "data"), "IPYTHONDIR": str(folder / "ipython")}
    return {**kept, **own, "PYTHONWARNINGS": "ignore", **more}


def check(notebook: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", f"--nbval-sanitize-with={SANITIZE}"]
    quiet = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        "addopts=",
        "-o",
        "filterwarnings=",
        "-o",
        "timeout=0",
    ]
    command = [sys.executable, "-m", "pytest", *options, *quiet, str(notebook)]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def server_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("server")
    with jupyter_server(folder) as server:
        yield environment(folder, ATT_URL=server.url, ATT_TOKEN=server.token)


@pytest.mark.timeout(330)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_a_notebook_says_what_it_shows_when_embedded(notebook: Path, tmp_path: Path) -> None:
    done = check(notebook, environment(tmp_path, ATT_EMBEDDED="1"))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.timeout(330)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_a_notebook_says_what_it_shows_against_a_server(notebook: Path, server_environment: dict[str, str]) -> None:
    done = check(notebook, server_environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_a_notebook_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    content = json.loads((ROOT / "notebooks" / "90-reference.ipynb").read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    code[-1]["source"] = "'something else'"
    changed = tmp_path / "changed.ipynb"
    changed.write_text(json.dumps(content))
    assert check(changed, environment(tmp_path, ATT_EMBEDDED="1")).returncode == 1


def cells_of(notebook: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == kind]


def prose(notebook: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells_of(notebook, "markdown"))


def shown(notebook: Path) -> Iterator[dict[str, Any]]:
    """What each output offers, by kind."""
    for cell in cells_of(notebook, "code"):
        yield from (output.get("data", {}) for output in cell["outputs"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_a_notebook_is_executed_and_names_no_machine(notebook: Path) -> None:
    content = json.loads(notebook.read_text())
    assert all(cell["execution_count"] for cell in cells_of(notebook, "code"))
    assert content["metadata"]["language_info"]["name"] == "python"
    assert str(ROOT) not in notebook.read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_a_notebook_is_read_without_a_kernel(notebook: Path) -> None:
    assert "widgets" not in json.loads(notebook.read_text())["metadata"], "execute it by `make notebooks`"
    assert [data for data in shown(notebook) if WIDGET in data] == [], "execute it by `make notebooks`"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_links_and_pictures_of_a_notebook_are_there_and_pictures_are_small(notebook: Path) -> None:
    named = re.findall(r"""(?:\]\(|src="|srcset=")((?!https?:)[^)"#]+)""", prose(notebook))
    assert [name for name in named if not (notebook.parent / name).is_file()] == []
    pictures = [notebook.parent / name for name in named if name.endswith(".png")]
    assert [path.name for path in pictures if path.stat().st_size > PICTURE_BYTES] == []
    light = {path.name for path in pictures if path.stem.endswith("-light")}
    assert {name.replace("-light", "-dark") for name in light} <= {path.name for path in pictures}


@pytest.mark.parametrize("notebook", TOURS[:-1], ids=lambda path: str(path.stem))
def test_a_tour_has_something_to_look_at_and_leads_to_the_next(notebook: Path) -> None:
    following = TOURS[TOURS.index(notebook) + 1].name
    last = "".join(json.loads(notebook.read_text())["cells"][-1]["source"])
    assert f"]({following})" in last
    drawn = any("image/png" in data or "class='att'" in "".join(data.get("text/html", "")) for data in shown(notebook))
    assert drawn or "<img " in prose(notebook)
