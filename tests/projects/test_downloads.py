from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from att.errors import Conflict, Invalid, PermissionDenied, TooLarge, Unavailable
from att.projects.fetching import fetch
from att.projects.models import ProjectSetup
from att.workspace import Workspace
from tests.projects.making import ended, zip_bytes
from tests.projects.webserver import WebServer

ARCHIVE = zip_bytes({"app.py": "print('hi')\n", "docs/a.txt": "a"})
LIMIT = 1024 * 1024


def downloaded(workspace: Workspace, url: str, path: Path, **more: str) -> ProjectSetup:
    begun = workspace.projects.download("demo", url, {"path": str(path)}, **more)
    assert begun.project == "demo"
    return ended(workspace, "demo")


def test_an_archive_becomes_a_project(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    digest = hashlib.sha256(ARCHIVE).hexdigest()
    setup = downloaded(workspace, web.serve("/a.zip", ARCHIVE), tmp_path / "p", sha256=digest)
    assert (setup.state, setup.progress, [step.state for step in setup.steps]) == ("succeeded", 1.0, ["succeeded"] * 2)
    assert (tmp_path / "p/app.py").read_text() == "print('hi')\n"
    assert workspace.projects.status("demo").project.source == web.url("/a.zip")


def test_a_wrong_hash_unpacks_nothing(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    setup = downloaded(workspace, web.serve("/a.zip", ARCHIVE), tmp_path / "p", sha256="0" * 64)
    assert setup.state == "failed"
    assert setup.diagnosis is not None
    assert "SHA-256" in setup.diagnosis.summary
    assert "delete the project with its files and create it again" in setup.diagnosis.remedy
    assert [step.state for step in setup.steps] == ["failed", "waiting"]
    assert list((tmp_path / "p").iterdir()) == []


def test_a_missing_archive_is_told_with_its_last_lines(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    setup = downloaded(workspace, web.url("/none.zip"), tmp_path / "p")
    assert setup.diagnosis is not None
    assert "404" in setup.diagnosis.summary
    assert any("404" in line for line in setup.last_lines)


def test_a_login_reaches_the_server_and_nothing_else(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    web.serve("/a.zip", ARCHIVE)
    url = f"http://me:hunter2@{web.address}/a.zip?token=tok-abc"
    setup = downloaded(workspace, url, tmp_path / "p")
    assert setup.state == "succeeded"
    path, headers = web.requests[-1]
    assert (path, headers["Authorization"]) == ("/a.zip?token=tok-abc", "Basic bWU6aHVudGVyMg==")
    workspace.store.close()
    kept = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert b"a.zip" in kept
    assert b"hunter2" not in kept
    assert b"tok-abc" not in kept
    assert b"bWU6aHVudGVyMg" not in kept


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a.zip", "--output=/tmp/x"])
def test_a_bad_address_registers_nothing(workspace: Workspace, tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid):
        workspace.projects.download("demo", url, {"path": str(tmp_path / "p")})
    assert workspace.projects.list().projects == []


def test_the_folder_must_be_given_and_empty(workspace: Workspace, web: WebServer, tmp_path: Path) -> None:
    url = web.serve("/a.zip", ARCHIVE)
    with pytest.raises(Invalid, match="path"):
        workspace.projects.download("demo", url, {})
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(Conflict, match="not empty"):
        workspace.projects.download("demo", url, {"path": str(tmp_path / "full")})
    assert web.requests == []


def test_a_promised_size_over_the_limit_is_not_even_read(web: WebServer, tmp_path: Path) -> None:
    url = web.serve("/a.zip", b"x", promise=LIMIT + 1)
    with pytest.raises(TooLarge):
        fetch(url, tmp_path / "a", LIMIT)
    assert (tmp_path / "a").stat().st_size == 0


def test_an_endless_answer_ends_at_the_limit(web: WebServer, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        fetch(web.serve_endlessly("/a.zip"), tmp_path / "a", LIMIT)
    assert (tmp_path / "a").stat().st_size <= LIMIT


def test_a_truncated_answer_is_not_taken_for_the_whole(web: WebServer, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"5 of 100 bytes|IncompleteRead"):
        fetch(web.serve("/a.zip", b"12345", promise=100), tmp_path / "a", LIMIT)


def test_a_silent_server_is_given_up(web: WebServer, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"silent for 0\.2 s"):
        fetch(web.serve_slowly("/a.zip", b"x" * 1000), tmp_path / "a", LIMIT, silence_seconds=0.2)


def test_a_slow_server_is_given_up(web: WebServer, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="too slow"):
        fetch(web.serve_endlessly("/a.zip"), tmp_path / "a", 1 << 40, total_seconds=0.1)


def test_redirects_are_followed_without_the_login(web: WebServer, tmp_path: Path) -> None:
    web.serve("/a.zip", ARCHIVE)
    url = web.redirect("/old.zip", f"http://localhost:{web.address.partition(':')[2]}/a.zip")
    assert fetch(url, tmp_path / "a", LIMIT, login="me:hunter2") == len(ARCHIVE)
    assert ["Authorization" in headers for _, headers in web.requests] == [True, False]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x"])
def test_redirects_to_other_schemes_are_refused(web: WebServer, tmp_path: Path, target: str) -> None:
    with pytest.raises((PermissionDenied, Unavailable), match=r"not followed|not allowed"):
        fetch(web.redirect("/a.zip", target), tmp_path / "a", LIMIT)


def test_a_redirect_in_a_circle_ends(web: WebServer, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        fetch(web.redirect("/a.zip", "/a.zip"), tmp_path / "a", LIMIT)


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        fetch("http://127.0.0.1:9/a.zip", tmp_path / "a", LIMIT)
