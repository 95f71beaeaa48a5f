from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from att.errors import Conflict, Invalid, NotFound
from att.projects import catalogue, copying
from att.projects.models import Project, ProjectSettings, ProjectSetup
from att.workspace import Workspace
from tests.projects.making import ended, zip_bytes
from tests.support.bare import BARE
from tests.support.privileges import without_root_rights
from tests.support.waiting import eventually

BACKEND = '''
"""Builds an editable wheel with nothing but the standard library."""
import zipfile, pathlib
def _build(folder):
    name = "tinyapp-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("tinyapp.pth", str(pathlib.Path.cwd() / "src"))
        wheel.writestr("tinyapp-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tinyapp\\nVersion: 1.0\\n")
        wheel.writestr("tinyapp-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
        wheel.writestr("tinyapp-1.0.dist-info/RECORD", "")
    return name
def build_wheel(folder, config_settings=None, metadata_directory=None): return _build(folder)
def build_editable(folder, config_settings=None, metadata_directory=None): return _build(folder)
'''


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that somebody else has made."""
    made = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    return made / "bin/python"


@pytest.fixture
def installable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A template with a requirement and a project to install, all of it without a network."""
    wheel = tmp_path / "tinydep-1.0-py3-none-any.whl"
    module = b"VALUE = 42\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(module).digest()).rstrip(b"=").decode()
    wheel.write_bytes(
        zip_bytes(
            {
                "tinydep.py": module,
                "tinydep-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tinydep\nVersion: 1.0\n",
                "tinydep-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                "tinydep-1.0.dist-info/RECORD": f"tinydep.py,sha256={digest},{len(module)}\n",
            }
        )
    )
    files = tmp_path / "templates/tiny/files"
    (files / "src").mkdir(parents=True)
    (files / "src/tinyapp.py").write_text("import tinydep\nprint(tinydep.VALUE)\n")
    (files / "backend.py").write_text(BACKEND)
    (files / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tinyapp"\nversion = "1.0"\n'
    )
    (files.parent / "template.toml").write_text(
        f'title = "Tiny"\ndescription = "d"\nrequirements = ["tinydep @ {wheel.as_uri()}"]\ninstall = true\n'
        '[settings]\ncommand = ["{python}", "-m", "tinyapp"]\n'
    )
    monkeypatch.setattr(catalogue, "_TEMPLATES", tmp_path / "templates")
    return files.parent


def test_every_template_describes_itself_and_its_settings_hold(workspace: Workspace) -> None:
    found = {template.name: template for template in workspace.projects.templates().templates}
    assert {"service", "nat-echo"} <= found.keys()
    assert found["service"].requirements == []
    for name in found:
        Project.model_validate(
            {"id": "x", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
            | dict(catalogue.find_template(name).settings({}))
        )


def test_a_template_without_requirements_is_there_at_once(workspace: Workspace, tmp_path: Path) -> None:
    made = workspace.projects.create("demo", {"path": str(tmp_path / "p"), "title": "Mine"}, template="service")
    assert isinstance(made, Project)
    assert (made.template, made.title) == ("service", "Mine")
    assert made.command is not None
    assert (tmp_path / "p/service.py").is_file()
    assert workspace.projects.status("demo").setup is None


def test_given_settings_win_over_the_templates(workspace: Workspace, tmp_path: Path) -> None:
    made = workspace.projects.create("demo", {"path": str(tmp_path / "p"), "command": ["x"]}, template="service")
    assert isinstance(made, Project)
    assert made.command == ["x"]


def test_the_service_becomes_healthy_and_crashes_on_request(workspace: Workspace, tmp_path: Path) -> None:
    workspace.projects.create("demo", {"path": str(tmp_path / "p")}, template="service")
    workspace.runtime.start("demo")
    try:
        eventually(lambda: workspace.runtime.status("demo").health == "healthy")
        url = workspace.runtime.status("demo").url
        assert httpx.get(f"{url}/health").status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.post(f"{url}/crash").raise_for_status()
            httpx.get(f"{url}/health")
        eventually(lambda: workspace.runtime.status("demo").exit)
    finally:
        workspace.runtime.stop("demo")
    streams = {line.stream for line in workspace.runtime.logs("demo").lines}
    assert streams == {"stdout", "stderr"}


def test_the_services_tests_end_in_every_way_and_one_is_flaky(workspace: Workspace, tmp_path: Path) -> None:
    workspace.projects.create("demo", {"path": str(tmp_path / "p")}, template="service")
    told = set()
    for seed in ("1", "1", "4"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            cwd=tmp_path / "p",
            env={**os.environ, **BARE, "FLAKY_SEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        told.add((seed, done.stdout.strip().splitlines()[-1].rpartition(" in ")[0]))
    assert told == {
        ("1", "1 failed, 8 passed, 1 skipped, 1 xfailed"),
        ("4", "2 failed, 7 passed, 1 skipped, 1 xfailed"),
    }
    assert not [found.path for found in workspace.code.list("demo").files if "__pycache__" in found.path]


def test_an_unknown_template_offers_close_names(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Did you mean 'service'"):
        workspace.projects.create("demo", {"path": str(tmp_path / "p")}, template="servise")


def test_a_template_asks_for_a_path_that_is_empty(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="path"):
        workspace.projects.create("demo", {}, template="service")
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(Conflict):
            workspace.projects.create("demo", {"path": str(taken)}, template="service")
    assert workspace.projects.list().projects == []


def test_a_template_makes_its_own_environment(workspace: Workspace, installable: Path, tmp_path: Path) -> None:
    begun = workspace.projects.create("demo", {"path": str(tmp_path / "p")}, template="tiny")
    assert isinstance(begun, ProjectSetup)
    setup = ended(workspace, "demo")
    assert setup.state == "succeeded", setup
    assert [step.title.split()[0] for step in setup.steps] == ["Write", "Make", "Install", "Install"]
    python = tmp_path / "p/.venv/bin/python"
    ran = subprocess.run([python, "-m", "tinyapp"], cwd="/", capture_output=True, text=True, check=True)
    assert ran.stdout == "42\n"
    assert b"app.py" in b"".join(workspace.projects.archive("demo"))
    assert not [found.path for found in workspace.code.list("demo").files if found.path.startswith(".venv")]


def test_a_given_interpreter_is_used_and_gets_the_project_only(
    workspace: Workspace, installable: Path, environment: Path, tmp_path: Path
) -> None:
    settings: ProjectSettings = {"path": str(tmp_path / "p"), "python": str(environment)}
    begun = workspace.projects.create("demo", settings, template="tiny")
    assert isinstance(begun, ProjectSetup)
    setup = ended(workspace, "demo")
    assert setup.state == "succeeded", setup
    assert [step.title for step in setup.steps] == ["Write the template tiny", "Install the project"]
    assert workspace.projects.status("demo").project.python == str(environment)
    done = subprocess.run([environment, "-m", "tinyapp"], cwd="/", capture_output=True, text=True, check=False)
    assert "No module named 'tinydep'" in done.stderr
    assert not (tmp_path / "p/.venv").exists()


def test_an_interpreter_that_is_not_there_is_said_at_once(
    workspace: Workspace, installable: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="no Python"):
        workspace.projects.create("demo", {"path": str(tmp_path / "p"), "python": "/no/python"}, template="tiny")
    assert workspace.projects.list().projects == []


def test_a_failed_installation_leaves_what_was_made(
    workspace: Workspace, installable: Path, environment: Path, tmp_path: Path
) -> None:
    (installable / "files/backend.py").write_text("raise RuntimeError('broken backend')\n")
    settings: ProjectSettings = {"path": str(tmp_path / "p"), "python": str(environment)}
    workspace.projects.create("demo", settings, template="tiny")
    setup = ended(workspace, "demo")
    assert setup.state == "failed"
    assert [step.state for step in setup.steps] == ["succeeded", "failed"]
    assert any("broken backend" in line for line in setup.last_lines)
    assert (tmp_path / "p/src/tinyapp.py").is_file()
    assert workspace.projects.status("demo").setup == setup


COPY = """
import sys
from pathlib import Path
from att.projects.copying import copy_files
copy_files(*map(Path, sys.argv[1:]))
"""


@pytest.mark.parametrize("there", [False, True])
def test_files_of_a_template_appear_all_at_once_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    files, parent = tmp_path / "files", tmp_path / "parent"
    for number in range(3000):
        file = files / f"folder{number % 30}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    target = parent / "service"
    (target if there else parent).mkdir(parents=True)
    child = subprocess.Popen([sys.executable, "-c", COPY, files, target])
    eventually(lambda: next(parent.rglob("*.txt"), None), 30, 0.0005)
    child.kill()
    child.wait()
    assert len(list(parent.rglob("*.txt"))) < 3000, "it was killed before its end"
    assert not target.exists() or not any(target.iterdir())

    monkeypatch.setattr(copying, "_FORGOTTEN_SECONDS", 0.0)
    copying.copy_files(files, target)
    assert len(list(target.rglob("*.txt"))) == 3000
    assert [entry.name for entry in parent.iterdir()] == ["service"], "what the killed one left is gone"
    with pytest.raises(OSError, match="not empty"):
        copying.copy_files(files, target)
    assert [entry.name for entry in parent.iterdir()] == ["service"]


def test_files_of_a_template_are_written_where_nothing_can_be_made_beside_the_folder(tmp_path: Path) -> None:
    files, target = tmp_path / "files", tmp_path / "mounted/service"
    files.mkdir()
    (files / "app.py").touch()
    target.mkdir(parents=True)
    target.parent.chmod(0o555)
    try:
        with without_root_rights():
            copying.copy_files(files, target)
    finally:
        target.parent.chmod(0o755)
    assert [file.name for file in target.iterdir()] == ["app.py"]


def test_a_template_for_an_id_that_was_taken_meanwhile_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    workspace.projects.create("demo", ProjectSettings())
    projects = workspace.projects
    made = projects._from_template  # what follows the look at the id
    target = tmp_path / "service"
    projects._target = lambda *_: target  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="demo"):
        made("demo", ProjectSettings(path=str(target)), catalogue.find_template("service"))
    assert not target.exists()
