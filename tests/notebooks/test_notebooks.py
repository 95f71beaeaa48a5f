"""Every notebook runs as it stands and gives the outputs that it shows, embedded and against a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.bare import BARE
from tests.support.jupyter import jupyter_server

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"
WIDGET = "application/vnd.jupyter.widget-view+json"
TOURS = [path for path in NOTEBOOKS if path.stem[0].isdigit()]
PICTURE_BYTES = 150_000
PARTS = 2


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATT_", "JPY_", "JUPYTER"))}
    # A progress bar shows only what takes long, so it is no part of what a notebook says.
    own = {"TQDM_DISABLE": "1", "ATT_DATA_DIR": str(folder / "data"), "IPYTHONDIR": str(folder / "ipython")}
    return {**kept, **own, **BARE, "PYTHONWARNINGS": "ignore", **more}


def check(notebooks: Sequence[Path], env: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """Run every cell of the notebooks; return by notebook what each cell did otherwise than is shown."""
    report = folder / "report.xml"
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", f"--nbval-sanitize-with={SANITIZE}"]
    bare = ["-q", "-p", "nbval.plugin", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={notebooks[0].parent}"]
    command = [sys.executable, "-m", "pytest", *options, *bare, f"--junitxml={report}", *map(str, notebooks)]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode in (0, 1), done.stdout[-6000:] + done.stderr[-2000:]
    found: dict[str, list[str]] = {}
    for cell in ElementTree.parse(report).getroot().iter("testcase"):
        found.setdefault(str(cell.get("classname")), []).extend(trouble.text or "" for trouble in cell)
    return found


def side_by_side(run: Callable[[Sequence[Path], Path], dict[str, list[str]]], folder: Path) -> dict[str, list[str]]:
    """Run the notebooks in parts side by side, since each waits for much; return what `run` found in all."""
    parts = [NOTEBOOKS[number::PARTS] for number in range(PARTS)]
    folders = [folder / str(number) for number in range(PARTS)]
    for place in folders:
        place.mkdir()
    with ThreadPoolExecutor() as pool:
        return {name: troubles for found in pool.map(run, parts, folders) for name, troubles in found.items()}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    def run(notebooks: Sequence[Path], folder: Path) -> dict[str, list[str]]:
        return check(notebooks, environment(folder, ATT_EMBEDDED="1"), folder)

    return side_by_side(run, tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    def run(notebooks: Sequence[Path], folder: Path) -> dict[str, list[str]]:
        with jupyter_server(folder / "server") as server:
            return check(notebooks, environment(folder, ATT_URL=server.url, ATT_TOKEN=server.token), folder)

    return side_by_side(run, tmp_path_factory.mktemp("served"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_a_notebook_says_what_it_shows_when_embedded(notebook: Path, embedded: dict[str, list[str]]) -> None:
    assert embedded[notebook.name] == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: str(path.stem))
def test_a_notebook_says_what_it_shows_against_a_server(notebook: Path, served: dict[str, list[str]]) -> None:
    assert served[notebook.name] == []


def test_a_notebook_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    content = json.loads((ROOT / "notebooks" / "90-reference.ipynb").read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    code[-1]["source"] = "'something else'"
    changed = tmp_path / "changed.ipynb"
    changed.write_text(json.dumps(content))
    (difference,) = check([changed], environment(tmp_path, ATT_EMBEDDED="1"), tmp_path)["changed.ipynb"]
    assert "something else" in difference


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
