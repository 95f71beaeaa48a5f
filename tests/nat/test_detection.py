"""A folder is recognised as a NeMo Agent Toolkit app by its files alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from att.errors import Invalid
from att.nat.adapter import NatAdapter
from att.nat.detection import detect, has_package
from att.projects.models import Project

WORKFLOW = "workflow:\n  _type: echo\n"


def project(folder: Path, **settings: Any) -> Project:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Project(id="demo", path=str(folder), created_at=moment, updated_at=moment, **settings)


def environment(folder: Path) -> Path:
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return python


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize("place", ["configs/config.yml", "src/app/configs/dev.yaml", "workflow.yml"])
def test_a_workflow_file_in_a_usual_place_is_found(tmp_path: Path, place: str) -> None:
    file = write(tmp_path / place, WORKFLOW)
    assert detect(tmp_path).configs == (file,)


@pytest.mark.parametrize(
    "text", ["workflow: echo\n", "services: {web: {}}\n", "a: [\n", "\x00", "workflow: {_type: 1}\n", ""]
)
def test_other_yaml_is_not_taken_for_a_workflow(tmp_path: Path, text: str) -> None:
    write(tmp_path / "docker-compose.yml", text)
    assert not detect(tmp_path).found


def test_an_entry_point_or_a_requirement_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "a/pyproject.toml", '[project.entry-points."nat.components"]\nx = "x.register"\n')
    write(tmp_path / "b/pyproject.toml", '[project]\ndependencies = ["nvidia-nat[langchain]>=1.9"]\n')
    write(tmp_path / "c/pyproject.toml", '[project]\ndependencies = ["nvidia-native"]\n')
    write(tmp_path / "d/pyproject.toml", "not toml =")
    assert detect(tmp_path / "b").requires_nat
    assert not detect(tmp_path / "c").found
    assert not detect(tmp_path / "d").found
    assert detect(tmp_path / "a").declares_components


def test_a_command_of_ones_own_needs_no_knowledge_of_nat(tmp_path: Path) -> None:
    write(tmp_path / "config.yml", WORKFLOW)
    assert NatAdapter().detects(project(tmp_path))
    assert not NatAdapter().detects(project(tmp_path, command=["true"]))


def test_the_plan_serves_the_only_workflow_in_the_projects_own_environment(tmp_path: Path) -> None:
    config, python = write(tmp_path / "configs/config.yml", WORKFLOW), environment(tmp_path)
    plan = NatAdapter().plan(project(tmp_path, env={"A": "b"}), 4711)
    assert plan.command == [
        *(str(python), "-m", "nat.cli.main", "serve", "--config_file", str(config.resolve())),
        *("--host", "127.0.0.1", "--port", "4711"),
    ]
    assert plan.env == {"NAT_TELEMETRY_ENABLED": "false", "A": "b"}
    assert plan.url == "http://127.0.0.1:4711"
    assert plan.private_tmp
    assert [(p.role, p.url) for p in plan.probes] == [("startup", "/health"), ("readiness", "/health")]


def test_a_workflow_with_mcp_clients_is_ready_only_while_their_sessions_live(tmp_path: Path) -> None:
    write(tmp_path / "config.yml", WORKFLOW + "function_groups:\n  tools:\n    _type: mcp_client\n")
    python = environment(tmp_path)
    assert len(NatAdapter().plan(project(tmp_path), 1).probes) == 2, "without nvidia-nat-mcp there is no such route"
    (python.parents[1] / "lib/python3.11/site-packages/nvidia_nat_mcp-1.9.0.dist-info").mkdir(parents=True)
    assert has_package(python, "nvidia-nat-mcp")
    assert NatAdapter().plan(project(tmp_path), 1).probes[-1].url == "/mcp/client/tool/list"


def test_a_probe_given_by_the_user_replaces_the_defaults(tmp_path: Path) -> None:
    write(tmp_path / "config.yml", WORKFLOW)
    environment(tmp_path)
    own = project(tmp_path, probes=[{"kind": "tcp"}])
    assert NatAdapter().plan(own, 1).probes == own.probes


def test_several_workflows_ask_which_one_is_meant(tmp_path: Path) -> None:
    write(tmp_path / "a.yml", WORKFLOW)
    write(tmp_path / "configs/b.yml", WORKFLOW)
    environment(tmp_path)
    with pytest.raises(Invalid, match=r"one of 'a.yml', 'configs/b.yml'"):
        NatAdapter().plan(project(tmp_path), 1)
    chosen = NatAdapter().plan(project(tmp_path, nat_config="configs/b.yml"), 1)
    assert str(tmp_path.resolve() / "configs/b.yml") in chosen.command


@pytest.mark.parametrize("name", ["../outside.yml", "/etc/hostname", "absent.yml"])
def test_a_configuration_outside_the_project_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / "outside.yml", WORKFLOW)
    folder = tmp_path / "project"
    folder.mkdir()
    environment(folder)
    with pytest.raises(Invalid, match="no workflow file"):
        NatAdapter().plan(project(folder, nat_config=name), 1)


def test_without_an_environment_the_answer_is_a_question_with_the_command(tmp_path: Path) -> None:
    write(tmp_path / "a.yml", WORKFLOW)
    with pytest.raises(Invalid, match=r"(?s)Which Python.*pip install nvidia-nat-core"):
        NatAdapter().plan(project(tmp_path), 1)
