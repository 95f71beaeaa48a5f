"""The files that one build has written, one for each class of tests, are one run; and each file is kept once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.testing.history.reports import House, house, junit, zipped

FIRST = junit({"shop.CartTest::adds": "P", "shop.CartTest::removes": "F"}, at="2026-03-01T06:00:02", time="1.5")
SECOND = junit({"shop.OrderTest::ships": "P"}, at="2026-03-01T06:00:00", time="2")
THIRD = junit({"desk.LampTest::shines": "S"}, at="2026-03-01T06:00:05", time="0.25")
BUILD = {"TEST-shop.CartTest.xml": FIRST, "TEST-shop.OrderTest.xml": SECOND, "TEST-desk.LampTest.xml": THIRD}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def load(home: House, *files: str, **given: Any) -> list[Any]:
    return list(home.ask("test.import", project="demo", files=list(files), **given).reports)


def below(folder: str, files: dict[str, str]) -> dict[str, str | bytes]:
    return {f"{folder}/{name}": text for name, text in files.items()}


def test_the_folder_of_a_build_is_one_run(home: House) -> None:
    home.write(below("target/surefire-reports", BUILD))
    told = load(home, "target/surefire-reports")
    (run,) = home.runs()
    assert {(report.result, report.run_id) for report in told} == {("imported", run.run_id)}
    assert sorted(report.path for report in told) == sorted(below("target/surefire-reports", BUILD))
    assert told[0].reason.startswith("One run of 3 files.")
    assert (run.passed, run.failed, run.skipped, run.xpassed, run.status) == (2, 1, 1, None, "failed")
    assert (run.started_at, run.duration_seconds) == (datetime(2026, 3, 1, 6, tzinfo=UTC), 3.75)
    assert run.complete
    assert home.nodeids(run.run_id) == {
        "shop.CartTest::adds": "passed",
        "shop.CartTest::removes": "failed",
        "shop.OrderTest::ships": "passed",
        "desk.LampTest::shines": "skipped",
    }
    (failure,) = home.ask("test.status", project="demo", run=run.run_id).failures
    assert failure.nodeid == "shop.CartTest::removes"


def test_a_build_is_loaded_once_whether_as_a_folder_a_zip_or_file_by_file(home: House) -> None:
    home.write(below("reports", BUILD) | {"artifact.zip": zipped(dict(below("any/where", BUILD)))})
    load(home, "reports")
    (run,) = home.runs()
    for again in ("reports", "artifact.zip", "reports/TEST-shop.CartTest.xml", "reports/*Order*"):
        assert {(report.result, report.run_id) for report in load(home, again)} == {("duplicate", run.run_id)}, again
    assert load(home, "artifact.zip", run_per="file")[0].result == "duplicate"
    assert len(home.runs()) == 1


def test_a_file_that_was_loaded_before_its_build_is_not_counted_again(home: House) -> None:
    home.write(below("reports", BUILD))
    load(home, "reports/TEST-shop.CartTest.xml")
    told = {report.path.rpartition("/")[2]: report.result for report in load(home, "reports")}
    assert told == {name: "duplicate" if "Cart" in name else "imported" for name in BUILD}
    assert [set(home.nodeids(run.run_id)) for run in home.runs()] == [
        {"shop.OrderTest::ships", "desk.LampTest::shines"},
        {"shop.CartTest::adds", "shop.CartTest::removes"},
    ]


def test_what_the_build_before_has_left_in_the_folder_is_no_part_of_the_next_one(home: House) -> None:
    home.write(below("reports", BUILD))
    load(home, "reports")
    home.write({"reports/TEST-shop.CartTest.xml": FIRST.replace("03-01", "03-02")})
    told = {report.path.rpartition("/")[2]: report.result for report in load(home, "reports")}
    assert told == {name: "imported" if "Cart" in name else "duplicate" for name in BUILD}
    assert [run.started_at.day for run in home.runs()] == [1, 2]


def test_the_same_file_twice_in_a_build_counts_once(home: House) -> None:
    home.write(below("reports", BUILD) | {"reports/TEST-copy.xml": FIRST})
    assert sorted(report.result for report in load(home, "reports", "reports")) == ["duplicate"] * 5 + ["imported"] * 3
    assert home.runs()[0].failed == 1


def test_a_zip_of_a_build_is_one_run_and_its_folders_are_builds(home: House) -> None:
    home.write({"ci.zip": zipped({**below("1", BUILD), "2/TEST-a.xml": junit({"a::b": "P"}), "junit.xml": THIRD[:-1]})})
    told = load(home, "ci.zip")
    assert [report.result for report in told].count("imported") == 4
    assert sorted(len(home.nodeids(run.run_id)) for run in home.runs()) == [1, 4]


def test_reports_with_other_names_are_a_run_each_unless_asked(home: House) -> None:
    files = {f"junit-{day}.xml": junit({"a::b": "P"}, at=f"2026-03-0{day}T00:00:00") for day in (1, 2, 3)}
    home.write(below("nights", files))
    home.write(below("shards/a", files | {"x.xml": THIRD}) | below("shards/b", {"y.xml": SECOND}))
    load(home, "nights")
    assert len(home.runs()) == 3
    assert [report.result for report in load(home, "shards", run_per="folder")].count("duplicate") == 3
    assert len(home.runs()) == 5


def test_all_that_is_loaded_can_be_one_run(home: House) -> None:
    home.write(
        {"a/TEST-shop.CartTest.xml": FIRST, "b/TEST-shop.OrderTest.xml": SECOND, "c.zip": zipped({"x.xml": THIRD})}
    )
    load(home, ".", run_per="load")
    (run,) = home.runs()
    assert (run.passed, run.failed, run.skipped) == (2, 1, 1)


def test_each_file_can_be_a_run(home: House) -> None:
    home.write(below("reports", BUILD))
    assert len({report.run_id for report in load(home, "reports", run_per="file")}) == 3


def test_reports_with_different_labels_are_never_one_run(home: House) -> None:
    home.write(
        below("main/aaa", {"TEST-1.xml": FIRST, "TEST-2.xml": SECOND}) | below("main/bbb", {"TEST-3.xml": THIRD})
    )
    load(home, ".", match=r"(?P<branch>[^/]+)/(?P<commit>[^/]+)/", run_per="load")
    assert sorted((run.commit, run.finished) for run in home.runs()) == [("aaa", 3), ("bbb", 1)]


@pytest.mark.parametrize("left", ["", '<testsuite name="x"><testcase'])
def test_a_broken_file_of_a_build_is_refused_and_the_run_is_not_complete(home: House, left: str) -> None:
    home.write(below("reports", BUILD | {"TEST-shop.Torn.xml": left}))
    told = load(home, "reports")
    assert [report.result for report in told if report.path.endswith("Torn.xml")] == ["refused"]
    (run,) = home.runs()
    assert (run.complete, run.passed) == (False, 2)
    assert "1 more could not be read, so the run is not complete." in told[0].reason


def test_other_xml_beside_the_reports_of_a_folder_takes_nothing_from_their_run(home: House) -> None:
    home.write(below("out", {"unit.xml": FIRST, "slow.xml": SECOND, "coverage.xml": "<coverage line-rate='0.9'/>"}))
    told = {report.path: report.result for report in load(home, "out", run_per="folder")}
    assert told == {"out/unit.xml": "imported", "out/slow.xml": "imported", "out/coverage.xml": "refused"}
    (run,) = home.runs()
    assert run.complete


def test_a_build_that_was_deleted_can_be_loaded_again(home: House) -> None:
    home.write(below("reports", BUILD))
    load(home, "reports")
    home.ask("test.prune", project="demo", keep_runs=0)
    assert {report.result for report in load(home, "reports")} == {"imported"}
    assert len(home.runs()) == 1


def test_what_a_load_brings_is_one_event(home: House) -> None:
    home.write(below("reports", BUILD) | {"log.txt": "2 passed in 0.05s\n", "broken.xml": "<testsuite>"})
    load(home, ".")
    load(home, ".")
    (event,) = home.ask("project.events", project="demo", kinds=["test"]).events
    assert (event.kind, event.project, event.run_id) == ("test.imported", "demo", None)
    assert event.data == {"runs": 2, "results": 4, "sources": ["console", "junit"]}
