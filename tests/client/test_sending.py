"""Reports are read where the caller is and sent in bounded batches; what a server does not take is told."""

from __future__ import annotations

import base64
import gzip
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from att.client.loading import send_reports
from att.errors import Invalid, NotFound, TooLarge
from att.testing.loading.models import ImportedReport, ImportResult
from tests.testing.history.reports import house, junit


class Server:
    """Takes requests of so many bytes, and keeps what it was sent."""

    def __init__(self, most_bytes: int = 1 << 30) -> None:
        self.most_bytes = most_bytes
        self.batches: list[list[str]] = []
        self.contents: dict[str, bytes] = {}
        self.labels: list[Any] = []

    def __call__(self, given: Mapping[str, Any]) -> ImportResult:
        reports = given.get("reports", [])
        if sum(len(report.content) for report in reports) > self.most_bytes:
            raise TooLarge(f"At most {self.most_bytes} bytes are taken.")
        self.batches.append([report.inside for report in reports])
        self.labels.append(given.get("commit"))
        self.contents |= {report.inside: gzip.decompress(base64.b64decode(report.content)) for report in reports}
        return ImportResult(reports=[ImportedReport(path=report.path, result="imported") for report in reports])


def write(folder: Path, count: int, text: str = "report") -> None:
    for number in range(count):
        (folder / f"{number:04}.xml").write_text(f"{text} {number}")


def test_reports_travel_in_batches_with_their_labels(tmp_path: Path) -> None:
    write(tmp_path, 450)
    server = Server()
    result = send_reports(str(tmp_path), {"project": "demo", "commit": "abc"}, server)
    assert [len(batch) for batch in server.batches] == [200, 200, 50]
    assert server.labels == ["abc"] * 3
    assert server.contents["0007.xml"] == b"report 7"
    assert [report.path for report in result.reports] == sorted(f"{tmp_path}/{name}" for name in server.contents)


def test_a_server_that_takes_little_is_sent_less_at_once_and_one_that_is_too_large_is_told(tmp_path: Path) -> None:
    write(tmp_path, 5)
    (tmp_path / "0005.xml").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "large.xml").write_bytes(random.Random(7).randbytes(4000))
    server = Server(most_bytes=2000)
    result = send_reports(str(tmp_path), {"project": "demo"}, server)
    refused = [report for report in result.reports if report.result == "refused"]
    assert [report.path for report in refused] == [f"{tmp_path}/large.xml"]
    assert [report.path for report in result.reports] == sorted(str(path) for path in tmp_path.iterdir())
    assert refused[0].reason == "At most 2000 bytes are taken. Put it into the project, and name it in files."
    assert len(server.contents) == 6


def test_the_files_of_a_build_travel_together(tmp_path: Path) -> None:
    for folder, count in (("a", 150), ("b", 450), ("c", 10)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"TEST-{number:04}.xml").write_text(f"{folder} {number}")
        (tmp_path / folder / "other.xml").write_text(folder)
    server = Server()
    result = send_reports(str(tmp_path), {"project": "demo"}, server)
    builds = {name.partition("/")[0]: batch for batch in server.batches for name in batch if "TEST-" in name}
    assert {folder: sum("TEST-" in n and n[0] == folder for n in builds[folder]) for folder in "abc"} == {
        "a": 150,
        "b": 450,
        "c": 10,
    }
    assert [report.path for report in result.reports] == sorted(f"{tmp_path}/{name}" for name in server.contents)
    careful = Server(most_bytes=2000)
    told = send_reports(str(tmp_path), {"project": "demo"}, careful).reports
    assert {report.path for report in told if report.result == "imported"} == {
        *(f"{tmp_path}/{folder}/other.xml" for folder in "abc"),
        *(f"{tmp_path}/c/TEST-{number:04}.xml" for number in range(10)),
    }
    assert all("name it in files" in report.reason for report in told if report.result == "refused")


def test_a_build_of_which_a_file_cannot_be_read_is_not_complete(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        folder = tmp_path / "reports"
        folder.mkdir()
        (folder / "TEST-a.xml").write_text(junit({"a.A::one": "P"}))
        (folder / "TEST-b.xml").symlink_to(tmp_path / "nowhere")
        told = send_reports(str(folder), {"project": "demo"}, lambda given: home.ask("test.import", **given)).reports
        assert [(Path(report.path).name, report.result) for report in told] == [
            ("TEST-a.xml", "imported"),
            ("TEST-b.xml", "refused"),
        ]
        assert told[1].reason == "It cannot be read: No such file or directory."
        (run,) = home.runs()
        assert (run.passed, run.complete) == (1, False)


def test_nothing_is_sent_for_a_path_without_reports(tmp_path: Path) -> None:
    server = Server()
    for path in (tmp_path, tmp_path / "*.xml", tmp_path / "none.xml", "a\0b"):
        with pytest.raises(NotFound):
            send_reports(str(path), {"project": "demo"}, server)
    with pytest.raises(Invalid, match="home"):
        send_reports("~nobody-of-this-name/a.xml", {"project": "demo"}, server)
    assert server.batches == []


def test_a_file_that_cannot_be_read_is_told_beside_the_others(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "gone.xml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "link.xml").symlink_to(tmp_path / "pipe.xml")
    result = send_reports(str(tmp_path), {"project": "demo"}, Server())
    told = {Path(report.path).name: report.result for report in result.reports}
    assert told == {"0000.xml": "imported", "broken.zip": "refused", "gone.xml": "refused", "link.xml": "refused"}


def test_a_name_that_is_not_utf8_is_told_in_escapes(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.xml")).write_text("report")
    result = send_reports(str(tmp_path), {"project": "demo"}, Server())
    assert [report.path for report in result.reports] == [f"{tmp_path}/\\xff.xml"]
    assert result.model_dump_json()


def test_what_lies_in_the_project_is_asked_for_after_what_is_sent(tmp_path: Path) -> None:
    write(tmp_path, 1)
    asked: list[Any] = []

    def ask(given: Mapping[str, Any]) -> ImportResult:
        asked.append((len(given.get("reports", [])), given.get("files")))
        return ImportResult(reports=[])

    send_reports(str(tmp_path / "0000.xml"), {"project": "demo", "files": ["ci"]}, ask)
    assert asked == [(1, None), (0, ["ci"])]
