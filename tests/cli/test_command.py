"""The command `att`: what it writes where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from att.cli import main
from att.errors import Conflict, StartFailed, error_classes
from tests.client.scripted import Asked, Reply, health, scripted
from tests.support.waiting import eventually

PROBLEM = "application/problem+json"
ATT = [sys.executable, "-m", "att"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ATT_", "JPY_", "JUPYTERHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


def _page(*texts: str, cursor: str = "c1") -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    lines = [{"text": text, "stream": "stderr", "at": at, "run_id": "run-1"} for text in texts]
    return {"lines": lines, "cursor": cursor, "has_more": False}


def _ask(reply: Reply, *words: str) -> int:
    with scripted(lambda asked: reply) as server:
        return main(["--url", server.url, *words])


def test_without_words_it_shows_the_groups_and_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "runtime  start, stop, restart, status" in told
    assert "att project create demo --template service" in told


def test_a_group_without_a_verb_shows_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runtime"]) == 2
    assert "diagnostics" in capsys.readouterr().out


def test_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.partition("exit codes:")[2].splitlines()
    documented = {name: int(line.split()[0]) for line in lines if line for name in line.replace(",", "").split()[1:]}
    assert {code: documented[code] for code in error_classes()} == {
        code: error.exit_code for code, error in error_classes().items()
    }


def test_results_are_text_for_people_and_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert _ask(Reply(health()), "system", "health") == 0
    assert "data directory  /nowhere" in capsys.readouterr().out
    assert _ask(Reply(health()), "system", "health", "--json") == 0
    assert json.loads(capsys.readouterr().out)["data_dir"] == "/nowhere"


def _health_then(reply: Reply) -> Any:
    def answer(asked: Asked) -> Reply:
        return Reply(health()) if asked.path.endswith("/health") else reply

    return answer


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_one_line_on_stderr_and_its_exit_code(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    problem = Conflict("It is\nthere already.").to_problem()
    with scripted(_health_then(Reply(problem, 409, PROBLEM))) as server:
        code = main(["--url", server.url, "project", "create", "demo", *(["--json"] if as_json else [])])
    captured = capsys.readouterr()
    assert (code, captured.out) == (Conflict.exit_code, "")
    if as_json:
        assert json.loads(captured.err) == problem
    else:
        assert captured.err == "att: It is there already.\n"


def test_a_failed_start_shows_its_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    problem = StartFailed("demo ended.", last_lines=["Traceback", "boom"]).to_problem()
    with scripted(_health_then(Reply(problem, 424, PROBLEM))) as server:
        assert main(["--url", server.url, "runtime", "start", "demo"]) == StartFailed.exit_code
    assert capsys.readouterr().err == "att: demo ended.\n  Traceback\n  boom\n"


def test_a_wrong_argument_names_the_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert _ask(Reply(health()), "project", "list", "--limit", "many") == 2
    assert "limit: Input should be a valid integer" in capsys.readouterr().err


def test_an_empty_list_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    nothing: dict[str, Any] = {"projects": [], "cursor": None, "has_more": False}
    with scripted(_health_then(Reply(nothing))) as server:
        assert main(["--url", server.url, "project", "list"]) == 0
    assert capsys.readouterr().out == "No projects yet. Make one: att project create demo --template service\n"


@pytest.mark.parametrize(("options", "line"), [([], "err | one"), (["--json"], '"text":"one"')])
def test_following_writes_element_by_element(options: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    body = f"event: page\nid: c1\ndata: {json.dumps(_page('one', 'two'))}\n\nevent: end\ndata: {{}}\n\n".encode()
    with scripted(_health_then(Reply(body, content_type="text/event-stream"))) as server:
        assert main(["--url", server.url, "runtime", "logs", "demo", "--follow", *options]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert line in first
    assert "two" in second


def test_an_interruption_ends_with_130_and_says_that_work_goes_on() -> None:
    stream = b"event: page\nid: c1\ndata: " + json.dumps(_page("one")).encode() + b"\n\n"
    with scripted(_health_then(Reply(stream, content_type="text/event-stream"))) as server:
        words = ["--url", server.url, "runtime", "logs", "demo", "--follow"]
        with subprocess.Popen([*ATT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == "att: interrupted; what runs goes on.\n"
            assert process.wait(30) == 130


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    texts = ["x" * 1000] * 1000
    with scripted(_health_then(Reply(_page(*texts)))) as server:
        words = [*ATT, "--url", server.url, "runtime", "logs", "demo"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert (process.stderr.read(), process.wait(30)) == (b"", 0)


def test_output_that_is_no_terminal_has_no_colours() -> None:
    page = _page("one")
    with scripted(_health_then(Reply(page))) as server:
        done = subprocess.run(
            [*ATT, "--url", server.url, "runtime", "logs", "demo"], capture_output=True, timeout=60, check=True
        )
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


def test_an_unreachable_server_is_unavailable(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(lambda asked: Reply(health())) as server:
        url = server.url
    assert eventually(lambda: main(["--url", url, "system", "health"])) == 8
    assert "cannot be reached" in capsys.readouterr().err
