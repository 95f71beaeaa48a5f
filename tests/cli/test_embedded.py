"""The command line on a data directory that no server serves, and on one that a server does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from att.cli import main
from tests.support.jupyter import jupyter_server

READY = "import time; print('ready', flush=True); time.sleep(600)"


@dataclass(frozen=True)
class Done:
    """What a command wrote."""

    stdout: str
    stderr: str


Att = Callable[..., Done]


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in list(os.environ):
        if name.startswith(("ATT_", "JPY_", "JUPYTER")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.chdir(tmp_path)
    return dict(os.environ)


@pytest.fixture
def att(env: dict[str, str], capfd: pytest.CaptureFixture[str]) -> Iterator[Att]:
    """Runs commands, each with a workspace of its own, and removes their projects in the end."""

    def run(*words: str, code: int = 0) -> Done:
        capfd.readouterr()
        ended = main(words)
        done = Done(*capfd.readouterr())
        assert ended == code, done.stderr
        return done

    yield run
    for item in json.loads(run("project", "list", "--json").stdout)["projects"]:
        run("project", "delete", item["project"]["id"])


def _json(done: Done) -> Any:
    return json.loads(done.stdout)


def test_a_project_that_a_command_starts_goes_on_after_it(att: Att, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    made = _json(att("project", "create", "demo", "--path", "app", "--json", "--", sys.executable, "-c", READY))
    assert made["path"] == str(tmp_path / "app")
    words = [sys.executable, "-m", "att", "runtime", "start", "demo", "--wait", "healthy", "--timeout", "30"]
    started = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "● running" in started.stdout
    assert "Nobody probes or restarts it until" in started.stderr
    status = _json(att("runtime", "status", "demo", "--json"))
    assert status["state"] == "running"
    os.kill(status["pid"], 0)
    assert att("runtime", "logs", "demo").stdout.endswith("out | ready\n")
    assert _json(att("runtime", "stop", "demo", "--json"))["pid"] is None


def test_errors_end_with_their_documented_codes(att: Att) -> None:
    att("project", "create", "demo", "--path", ".", "--", "/no/such/program")
    assert att("runtime", "status", "dmo", code=3).stderr == "att: There is no project 'dmo'. Did you mean 'demo'?\n"
    assert "/no/such/program" in att("runtime", "start", "demo", code=9).stderr
    assert att("project", "create", "demo", code=4).stdout == ""


def test_a_project_that_ends_before_it_is_healthy_shows_why(att: Att) -> None:
    att(
        "project", "create", "demo", "--path", ".", "--", sys.executable, "-c", "import sys; sys.exit('the last words')"
    )
    failed = att("runtime", "start", "demo", "--wait", "healthy", code=9)
    assert failed.stderr.splitlines()[-1] == "  the last words"


def test_patience_that_ends_is_code_124_and_names_commands(att: Att) -> None:
    probes = json.dumps([{"kind": "tcp", "port": 1}])
    att("project", "create", "demo", "--path", ".", "--probes", probes, "--", sys.executable, "-c", READY)
    waited = att("runtime", "start", "demo", "--wait", "healthy", "--timeout", "0.5", code=124)
    assert "stop it with `att runtime stop demo`" in waited.stderr


def test_a_template_is_made_with_progress_off_the_output(att: Att) -> None:
    made = att("project", "create", "demo", "--template", "service", "--path", "demo", "--json")
    assert _json(made)["id"] == "demo"
    assert made.stderr == ""
    assert "service" in att("project", "templates").stdout


def test_settings_are_cleared(att: Att) -> None:
    att("project", "create", "demo", "--title", "Demo", "--port", "8000")
    att("project", "update", "demo", "--clear", "port", "--clear", "title")
    project = _json(att("project", "status", "demo", "--json"))["project"]
    assert (project["port"], project["title"]) == (None, None)


def test_a_wrong_setting_of_att_is_told_in_one_line(att: Att, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("ATT_KEEP_RUNS", "many")
        told = att("project", "list", code=2).stderr
    assert told.startswith("att: The environment variable ATT_KEEP_RUNS is 'many', but must be a whole number")
    assert told.count("\n") == 1


def test_the_server_of_the_data_directory_is_used(att: Att, tmp_path: Path) -> None:
    with jupyter_server(tmp_path) as server:
        assert _json(att("system", "health", "--json"))["pid"] == server.process.pid
        elsewhere = str(tmp_path / "other")
        assert _json(att("system", "health", "--json", "--data-dir", elsewhere))["kind"] == "cli"
