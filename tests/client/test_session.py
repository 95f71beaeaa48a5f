"""A session over a server and over a workspace: the same interface, the same answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import att
from att.client.session import Session
from att.errors import Invalid, NotFound, NotSupported, SetupFailed, StartFailed, TimedOut, Unavailable
from tests.client.conftest import NewId
from tests.support.waiting import eventually

READY = "import time; print('ready', flush=True); time.sleep(600)"
SERVE = """
import http.server, sys
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def _python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_a_session_says_what_it_is_and_why(s: Session) -> None:
    assert repr(s) == f"<ATT {s.mode}: {s.transport.where} (the tests')>"
    assert s.transport.where in s._repr_html_()
    assert s.health().kind == s.mode


def test_settings_create_a_project_and_then_change_exactly_what_is_given(
    s: Session, new_id: NewId, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = new_id()
    p = s.project(name, path=str(folder), command=_python(READY), env={"A": "1"})
    before = p.status().project
    assert (before.restart, before.env) == ("never", {"A": "1"})
    p.runtime.start(wait="running")
    s.project(name, path=str(folder), grace_seconds=1.0, env={"A": "2"})
    after = p.status().project
    assert after.model_dump(exclude={"updated_at"}) == before.model_dump(exclude={"updated_at"}) | {
        "grace_seconds": 1.0,
        "env": {"A": "2"},
    }
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"{name}: changed ")
    assert set(err.removeprefix(f"{name}: changed ").partition(";")[0].split(", ")) == {"env", "grace_seconds"}
    assert err.endswith("; restart to apply\n")


def test_the_same_settings_again_change_nothing_and_say_nothing(
    s: Session, new_id: NewId, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = new_id()
    for _ in range(2):
        s.project(name, path=str(folder), command=_python(READY), restart="always")
    assert capfd.readouterr() == ("", "")


def test_a_mistyped_name_offers_close_ones_at_once(s: Session, new_id: NewId, folder: Path) -> None:
    name = new_id()
    s.project(name, path=str(folder))
    with pytest.raises(NotFound, match=f"Did you mean '{name}'"):
        s.project(name[:-1])


def test_the_handle_says_how_the_project_is(s: Session, new_id: NewId, folder: Path) -> None:
    p = s.project(new_id(), path=str(folder), command=_python(READY))
    assert repr(p) == f"<project {p.id}: stopped, unknown>"
    assert p.id in p._repr_html_()
    p.delete()
    assert "There is no project" in repr(p)


def test_starting_waits_and_stopping_leaves_no_pid(s: Session, new_id: NewId, folder: Path) -> None:
    p = s.project(new_id(), path=str(folder), command=_python(READY))
    healthy = p.runtime.start(wait="healthy", timeout=30)
    assert (healthy.state, healthy.health, healthy.exit) == ("running", "healthy", None)
    again = p.runtime.restart(wait="running")
    assert again.run_id != healthy.run_id
    stopped = p.runtime.stop()
    assert (stopped.state, stopped.pid) == ("stopped", None)
    assert stopped.exit is not None
    assert (stopped.exit.signal, stopped.exit.code) == (15, None)


def test_an_end_while_waiting_raises_with_its_evidence(s: Session, new_id: NewId, folder: Path) -> None:
    code = "import sys; [print('line', n, file=sys.stderr) for n in range(30)]; sys.exit(7)"
    p = s.project(new_id(), path=str(folder), command=_python(code))
    with pytest.raises(StartFailed) as caught:
        p.runtime.start(wait="healthy", timeout=30)
    assert caught.value.details["exit"]["code"] == 7
    assert caught.value.details["last_lines"] == [f"line {n}" for n in range(10, 30)]
    assert "  line 29" in caught.value.__notes__[0]


def test_waiting_in_vain_leaves_the_project_running(s: Session, new_id: NewId, folder: Path) -> None:
    probe = {"kind": "tcp", "port": 1, "period_seconds": 0.1}
    p = s.project(new_id(), path=str(folder), command=_python(READY), probes=[probe])
    with pytest.raises(TimedOut, match="goes on"):
        p.runtime.start(wait="healthy", timeout=0.5)
    assert p.runtime.status().state == "running"


@pytest.mark.parametrize("given", [{"wait": "helthy"}, {"timeout": -1}])
def test_wrong_patience_starts_nothing(s: Session, new_id: NewId, folder: Path, given: dict[str, Any]) -> None:
    p = s.project(new_id(), path=str(folder), command=_python(READY))
    with pytest.raises(Invalid):
        p.runtime.start(**given)
    assert p.runtime.status().state == "stopped"


def test_lines_are_read_from_a_cursor_on(s: Session, new_id: NewId, folder: Path) -> None:
    p = s.project(new_id(), path=str(folder), command=_python("print('one'); print('two')"))
    p.runtime.start()
    assert [line.text for line in p.logs.follow(until_exit=True)] == ["one", "two"]
    first = p.logs.read(limit=1)
    assert [line.text for line in first.lines] == ["one"]
    rest = p.logs.read(cursor=first.cursor)
    assert [line.text for line in rest.lines] == ["two"]
    assert not rest.has_more
    assert p.logs.raw().data == b"one\ntwo\n"
    with pytest.raises(Invalid, match="max_bytes"):
        p.logs.raw(max_bytes=0)


def test_before_the_first_run_the_exact_bytes_are_none_and_their_cursor_leads_to_the_first(
    s: Session, new_id: NewId, folder: Path
) -> None:
    p = s.project(new_id(), path=str(folder), command=_python("print('one')"))
    raw = p.logs.raw()
    assert (raw.data, raw.has_more, raw.lost_bytes, raw.run_id) == (b"", False, 0, None)
    p.runtime.start(wait=None)
    eventually(lambda: p.runtime.status().state == "exited")
    assert p.logs.raw(raw.cursor).data == b"one\n"


def test_following_goes_on_across_restarts_until_it_is_closed(s: Session, new_id: NewId, folder: Path) -> None:
    p = s.project(new_id(), path=str(folder), command=_python(READY))
    p.runtime.start()
    with p.logs.follow() as lines:
        first = next(lines)
        p.runtime.restart()
        second = next(lines)
    assert [first.text, second.text] == ["ready", "ready"]
    assert first.run_id != second.run_id
    assert list(lines) == []


def test_following_ends_with_its_timeout(s: Session, new_id: NewId, folder: Path) -> None:
    p = s.project(new_id(), path=str(folder), command=_python(READY))
    p.runtime.start(wait="running")
    assert [line.text for line in p.logs.follow(timeout=1.5)] == ["ready"]


def test_events_are_listed_and_followed(s: Session, new_id: NewId, folder: Path) -> None:
    p = s.project(new_id(), path=str(folder), command=_python(READY))
    seen = p.events.list().events
    assert {event.project for event in seen} == {p.id}
    with p.events.follow(cursor=str(seen[-1].id)) as events:
        p.runtime.start()
        assert next(events).kind.startswith("runtime.")
    assert p.id in {event.project for event in s.events.follow(tail=20, timeout=1)}


def test_the_address_and_its_client_follow_the_project(s: Session, new_id: NewId, folder: Path) -> None:
    (folder / "hello.txt").write_text("hello")
    p = s.project(new_id(), path=str(folder), command=_python(SERVE, "{port}"))
    assert p.url is None
    with pytest.raises(Unavailable, match="has no address: it is stopped"):
        p.http  # noqa: B018
    for _ in range(2):
        p.runtime.restart(wait="running")
        answered = p.logs.follow(timeout=1)
        list(answered)
        assert p.http.get("/hello.txt").text == "hello"
        assert str(p.http.base_url).rstrip("/") == (p.url or "").rstrip("/")


def test_opening_says_why_a_browser_cannot_get_there(
    s: Session, new_id: NewId, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    p = s.project(new_id(), path=str(folder), command=_python(SERVE, "{port}"))
    p.runtime.start(wait="running")
    with pytest.raises(NotSupported, match=r"Install jupyter-server-proxy.*ssh -L"):
        p.open()


def test_a_template_is_a_project_when_it_is_ready(
    s: Session, new_id: NewId, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    p = s.projects.create(new_id(), template="service", path=str(tmp_path / "made"))
    assert isinstance(p, att.ProjectHandle)
    assert p.runtime.start(wait="healthy", timeout=60).url == p.url
    assert p.http.get("/health").status_code == 200
    assert capfd.readouterr().out == ""


def test_without_waiting_the_run_can_be_waited_for(s: Session, new_id: NewId, folder: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    begun = s.projects.create(new_id(), git_url=str(folder), path=str(tmp_path / "made"), wait=False)
    assert isinstance(begun, att.LiveSetup)
    done = begun.wait(timeout=60)
    assert (type(done), done.state) == (att.LiveSetup, "succeeded")
    assert done.refresh() == done


def test_a_setup_that_fails_raises_with_its_last_lines(s: Session, new_id: NewId, tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="failed") as caught:
        s.projects.create(new_id(), git_url=str(tmp_path / "nothing"), path=str(tmp_path / "made"))
    assert caught.value.details["last_lines"]


def test_a_setup_is_cancelled(s: Session, new_id: NewId, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.zip"
        begun = s.projects.download(new_id(), url, path=str(tmp_path / "made"), wait=False)
        with pytest.raises(TimedOut, match=r"p\.cancel_setup\(\)"):
            begun.wait(timeout=0.1)
        assert begun.cancel().state == "cancelled"


def test_a_registered_folder_is_a_handle_even_without_waiting(s: Session, new_id: NewId, folder: Path) -> None:
    assert isinstance(s.projects.create(new_id(), path=str(folder), wait=False), att.ProjectHandle)


def test_relative_paths_are_those_of_the_caller(
    s: Session, new_id: NewId, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    p = s.project(new_id(), path="project")
    assert p.status().project.path == str(folder)


def test_the_folder_comes_as_an_archive(s: Session, new_id: NewId, folder: Path, tmp_path: Path) -> None:
    (folder / "a.txt").write_text("a")
    p = s.project(new_id(), path=str(folder))
    with zipfile.ZipFile(p.archive(tmp_path / "demo.zip")) as archive:
        assert "a.txt" in {Path(name).name for name in archive.namelist()}
    p.delete()
    with pytest.raises(NotFound):
        p.archive(tmp_path / "gone.zip")
    assert {path.name for path in tmp_path.iterdir()} == {"demo.zip", "project"}


def test_an_embedded_workspace_is_closed_at_the_end_of_the_process_and_its_projects_go_on(tmp_path: Path) -> None:
    code = (
        "import att, sys\n"
        "p = att.connect(embedded=True, data_dir=sys.argv[1]).project('demo', path=sys.argv[1], command=["
        "sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "p.runtime.start(wait='running')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    with att.connect(embedded=True, data_dir=tmp_path) as session:
        p = session.project("demo")
        assert p.runtime.status().state == "running"
        p.delete()
