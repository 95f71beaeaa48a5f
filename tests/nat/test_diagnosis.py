"""Recorded stderr of NeMo Agent Toolkit 1.9.0 gives the cause and the remedy, not the last line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from att.nat.adapter import NatAdapter
from att.nat.diagnosis import diagnose
from att.projects.models import Project
from att.runtime.models import ExitRecord

MISLEADING = "Error: 'FastApiFrontEndPlugin' object has no attribute '_dask_client'"

RECORDED = {
    "no nat": (
        "/usr/bin/python: Error while finding module specification (ModuleNotFoundError: No module named 'nat')",
        "has no NeMo Agent Toolkit",
        "PY -m pip install nvidia-nat-core sqlalchemy greenlet langchain-core",
    ),
    "no sqlalchemy": (
        "ModuleNotFoundError: No module named 'sqlalchemy'",
        "does not install itself",
        "PY -m pip install sqlalchemy greenlet langchain-core",
    ),
    "no greenlet": (
        "ValueError: the greenlet library is required to use this function. No module named 'greenlet'",
        "does not install itself",
        "PY -m pip install sqlalchemy greenlet langchain-core",
    ),
    "other module": (
        "ModuleNotFoundError: No module named 'pandas'",
        "'pandas' is not installed",
        "pip install pandas",
    ),
    "port": (
        "2026-11-23 09:18:07 - ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): "
        "address already in use",
        "Port 8000 is used",
        "port=None",
    ),
    "agent tag": (
        "ValueError: Invalid configuration: workflow: Input tag 'react_agent' found using discriminator() does "
        "not match any of the expected tags: 'a/b'",
        "'react_agent' that is not registered",
        "PY -m pip install nvidia-nat-langchain",
    ),
    "own tag": (
        "ValueError: Invalid configuration: workflow: Input tag 'ecko' found using discriminator() does not "
        "match any of the expected tags: 'a/b'",
        "'ecko'",
        "PY -m pip install --no-deps -e .",
    ),
    "yaml": ("ValueError: Error loading YAML: while parsing a flow node", "not valid YAML", "Correct the file"),
    "field": (
        "ValueError: Invalid configuration: workflow.echo.prefix: Input should be a valid string",
        "workflow.echo.prefix: Input should be a valid string",
        "validate --config_file",
    ),
    "reference": ("ValueError: LLM `nim` not found", "LLM 'nim'", "Define 'nim'"),
    "key": ("Exception: [401] Unauthorized", "401", "NVIDIA_API_KEY"),
    "plugin": (
        "Failed to import plugin 'nat_echo'. Please check the imports.",
        "'nat_echo' could not be imported",
        "-e .",
    ),
}


@pytest.mark.parametrize("case", RECORDED)
def test_the_cause_is_found_before_the_misleading_last_line(case: str) -> None:
    line, summary, remedy = RECORDED[case]
    found = diagnose(["Traceback (most recent call last):", line, MISLEADING], "PY")
    assert found is not None
    assert summary in found.summary
    assert remedy in found.remedy
    assert found.evidence == [line]


def test_an_error_explains_more_than_a_plugin_warning_before_it() -> None:
    found = diagnose([RECORDED["plugin"][0], RECORDED["port"][0]], "PY")
    assert found is not None
    assert "8000" in found.summary


def test_a_component_of_a_known_package_explains_more_than_the_missing_module_of_another_plugin() -> None:
    found = diagnose(["ModuleNotFoundError: No module named 'nat_other'", RECORDED["agent tag"][0]], "PY")
    assert found is not None
    assert "'react_agent' that is not registered" in found.summary
    assert found.remedy == "PY -m pip install nvidia-nat-langchain"


def test_a_component_of_a_plugin_that_misses_a_module_is_explained_by_the_module() -> None:
    found = diagnose(["ModuleNotFoundError: No module named 'requests_html'", RECORDED["own tag"][0]], "PY")
    assert found is not None
    assert "'requests_html'" in found.summary


def test_unknown_output_is_not_explained() -> None:
    assert diagnose(["all is well", MISLEADING], "PY") is None


def test_a_requested_stop_is_never_explained_as_a_failure() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    stopped = ExitRecord(code=None, signal=15, requested=True, reason="stopped", started_at=moment, exited_at=moment)
    project = Project(id="demo", path="/", created_at=moment, updated_at=moment)
    assert NatAdapter().diagnose(project, stopped, [RECORDED["key"][0]]) is None
