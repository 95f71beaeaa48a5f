"""Which command and environment a test run gets, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from att.errors import Invalid, NotFound
from att.operations import operation_of
from att.testing.command import PLUGIN_DIR, pytest_command, pytest_environment
from att.testing.models import TestRequest
from att.testing.operations import TestOperations


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two suites, and a file beside it."""
    root = tmp_path / "project"
    for suite in ("unit", "e2e"):
        (root / "tests" / suite).mkdir(parents=True)
        (root / "tests" / suite / "test_a.py").touch()
    (tmp_path / "outside.py").touch()
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    return root


def _arguments(root: Path, **fields: Any) -> list[str]:
    return pytest_command("python", root, TestRequest(**fields))[5:]


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({}, ["tests"]),
        ({"suite": "unit"}, ["tests/unit"]),
        ({"suite": "tests/e2e/test_a.py::test_x[a::b]"}, ["tests/e2e/test_a.py::test_x[a::b]"]),
        ({"targets": ["tests/unit", "tests/e2e/test_a.py"]}, ["tests/unit", "tests/e2e/test_a.py"]),
        ({"markers": "not slow", "keyword": "a or b"}, ["-m", "not slow", "-k", "a or b", "tests"]),
        ({"extra_args": ["-n", "2", "--tb=short"]}, ["-n", "2", "--tb=short", "tests"]),
    ],
)
def test_a_request_becomes_an_argument_list(project: Path, fields: dict[str, Any], arguments: list[str]) -> None:
    assert _arguments(project, **fields) == arguments


def test_a_path_object_names_a_suite_and_targets_as_its_text_does() -> None:
    operation = operation_of(TestOperations.run)
    given = operation.validate({"project": "demo", "suite": Path("tests/unit"), "targets": [Path("a.py")]})
    assert given.model_dump(include={"suite", "targets"}) == {"suite": "tests/unit", "targets": ["a.py"]}
    with pytest.raises(Invalid, match="suite: Input should be a valid string"):
        operation.validate({"project": "demo", "suite": 7})


def test_a_project_without_a_tests_folder_runs_what_its_configuration_says(tmp_path: Path) -> None:
    assert _arguments(tmp_path) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"suite": "integration"},
        {"suite": "nowhere.py"},
        {"targets": ["tests/unit/test_b.py::test_x"]},
    ],
)
def test_what_is_not_there_is_not_found(project: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        _arguments(project, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": ["../outside.py"]},
        {"targets": ["link.py"]},
        {"targets": ["/etc"]},
        {"targets": ["--pdb"]},
        {"targets": ["@file"]},
        {"targets": ["tests/unit\0"]},
        {"suite": "-x"},
        {"markers": " "},
        {"keyword": ""},
        {"extra_args": ["--pdb"]},
        {"extra_args": ["--pastebin=all"]},
        {"extra_args": ["-p", "no:att_stream"]},
        {"extra_args": ["-pno:att_stream"]},
        {"extra_args": ["--co"]},
        {"extra_args": ["-x", "--collect-only"]},
        {"extra_args": ["-p", "no:terminal"]},
        {"extra_args": ["-pno:terminal"]},
        {"extra_args": ["--rootdir=/"]},
        {"extra_args": ["--basetemp", "/var"]},
        {"extra_args": ["../outside.py"]},
        {"extra_args": ["@arguments"]},
    ],
)
def test_what_leaves_the_project_or_hides_the_run_is_invalid(project: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        _arguments(project, **fields)


def test_what_would_run_nothing_is_refused_with_the_way_out(project: Path) -> None:
    with pytest.raises(Invalid, match=r"--co cannot be used .* runs no test. Leave it out, and choose with suite"):
        _arguments(project, extra_args=["--co"])
    assert _arguments(project, extra_args=["-p", "no:cacheprovider"])[:2] == ["-p", "no:cacheprovider"]


def test_the_environment_holds_nothing_of_att_jupyter_or_an_outer_pytest(tmp_path: Path) -> None:
    base = {
        "HOME": "/root",
        "PYTHONPATH": "/lib",
        "ATT_TOKEN": "x",
        "JPY_PARENT_PID": "1",
        "JUPYTER_TOKEN": "x",
        "JUPYTERHUB_API_TOKEN": "x",
        "PYTEST_CURRENT_TEST": "x",
        "PYTEST_XDIST_WORKER": "gw0",
        "PYTEST_ADDOPTS": "-ra",
    }

    environment = pytest_environment(base, tmp_path / "s.jsonl", {"MORE": "1"})

    assert environment == {
        "HOME": "/root",
        "PYTHONPATH": f"/lib{os.pathsep}{PLUGIN_DIR}",
        "PYTEST_ADDOPTS": "-ra",
        "MORE": "1",
        "ATT_TEST_STREAM": str(tmp_path / "s.jsonl"),
    }


@pytest.mark.parametrize("name", ["ATT_TOKEN", "JUPYTER_TOKEN", "A=B", ""])
def test_variables_of_others_cannot_be_set(name: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        pytest_environment({}, tmp_path, {name: "1"})
