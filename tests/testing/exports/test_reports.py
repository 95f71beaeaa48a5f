import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import junitparser
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import BaseModel, ConfigDict, Field

from att.errors import Invalid
from att.testing.analysis import conform, empty
from att.testing.exports import to_csv, to_ctrf, to_junit
from att.testing.importers import parse, parse_junit_xml
from att.testing.importers.models import CATEGORIES
from att.testing.samples import SampleHistory, sample_history

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
Row = tuple[str, int, str]


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return sample_history(tests=40, runs=30)


def frames(history: SampleHistory) -> Frames:
    return history.runs, history.results, history.failures


def one_run(rows: list[Row], failures: list[dict[str, Any]] | None = None, **run: Any) -> Frames:
    runs = pd.DataFrame([{"run_id": "r1", "project": "demo", "started_at": "2026-03-01T10:00:00.25Z", **run}])
    results = pd.DataFrame(rows, columns=["nodeid", "attempt", "outcome"])
    results = results.assign(run_id="r1", duration_seconds=0.125, started_at="2026-03-01T10:00:01Z", worker="gw0")
    failed = pd.DataFrame([{"run_id": "r1", "attempt": 1, **failure} for failure in failures or []])
    return conform(runs, "runs"), conform(results, "results"), conform(failed, "failures")


# Every outcome, with what pytest counts for it.
MATRIX = one_run(
    [
        ("tests/test_a.py::test_pass", 1, "passed"),
        ("tests/test_a.py::TestB::test_fail[a::b/c.py-1]", 1, "failed"),
        ("tests/test_a.py::TestB::test_skip", 1, "skipped"),
        ("tests/sub/test_b.py::test_xfail", 1, "xfailed"),
        ("tests/sub/test_b.py::test_xpass", 1, "xpassed"),
        ("tests/sub/test_b.py::test_setup", 1, "error"),
        ("tests/sub/test_b.py::test_teardown", 1, "error"),
        ("tests/sub/test_b.py::test_both", 1, "failed"),
        ("tests/sub/test_b.py::test_retry", 1, "rerun"),
        ("tests/sub/test_b.py::test_retry", 2, "passed"),
        ("tests/sub/test_b.py::test_retry_in_vain", 1, "rerun"),
        ("tests/sub/test_b.py::test_retry_in_vain", 2, "failed"),
    ],
    [
        {"nodeid": "tests/test_a.py::TestB::test_fail[a::b/c.py-1]", "phase": "call", "exception": "AssertionError"},
        {"nodeid": "tests/sub/test_b.py::test_setup", "phase": "setup", "exception": "OSError", "message": 'no "x"'},
        {"nodeid": "tests/sub/test_b.py::test_teardown", "phase": "teardown", "longrepr": "E  \x1b[31mred\x00 <&>"},
        {"nodeid": "tests/sub/test_b.py::test_both", "phase": "teardown", "message": "second"},
        {"nodeid": "tests/sub/test_b.py::test_both", "phase": "call", "message": "first"},
        {"nodeid": "tests/sub/test_b.py::test_retry", "phase": "call", "message": "once", "exception": "ValueError"},
        {"nodeid": "tests/sub/test_b.py::test_retry_in_vain", "phase": "call", "message": "once"},
        {"nodeid": "tests/sub/test_b.py::test_retry_in_vain", "phase": "call", "message": "twice", "attempt": 2},
        {"nodeid": "tests/test_broken.py", "phase": "collect", "exception": "ImportError", "message": "no module"},
    ],
    branch="main",
    commit="abc1234",
    ci_url="https://ci.example/1",
    duration_seconds=2.5,
    host="runner",
    pytest="9.0.1",
)
COUNTS = {"passed": 4, "failed": 3, "skipped": 1, "errors": 4, "xfailed": 1, "xpassed": None, "rerun": 2}


def outcomes(results: pd.DataFrame) -> dict[str, str]:
    """The last outcome of each test; JUnit knows no unexpected pass."""
    last = results.sort_values("attempt", kind="stable").drop_duplicates("nodeid", keep="last")
    return dict(zip(last["nodeid"].astype(str), last["outcome"].astype(str).replace("xpassed", "passed"), strict=True))


def test_junit_tells_what_pytest_counts_and_gives_the_nodeids_back(tmp_path: Path) -> None:
    (path,) = to_junit(*MATRIX, tmp_path / "report.xml")
    report = parse(path)
    assert report.counts == COUNTS
    assert {t.nodeid: t.outcome for t in report.tests} == {
        **outcomes(MATRIX[1]),
        "tests/test_broken.py": "error",
    }
    assert all(t.resolved for t in report.tests if t.nodeid != "tests/test_broken.py")
    assert {name: report.metadata[name] for name in ("branch", "commit", "ci_url")} == {
        "branch": "main",
        "commit": "abc1234",
        "ci_url": "https://ci.example/1",
    }
    assert report.duration_seconds == 2.5
    assert str(report.started_at) == "2026-03-01 10:00:00.250000+00:00"


def test_junit_keeps_why_each_attempt_failed(tmp_path: Path) -> None:
    (path,) = to_junit(*MATRIX, tmp_path / "report.xml")
    tests = {t.nodeid.rpartition("::")[2]: t for t in parse(path).tests}
    setup = tests["test_setup"].failure
    assert setup is not None
    assert (setup.phase, setup.exception_type, setup.message) == ("setup", "OSError", 'OSError: no "x"')
    assert tests["test_retry"].attempts == 2
    assert [(f.attempt, f.message) for f in tests["test_retry_in_vain"].failures] == [(1, "once"), (2, "twice")]
    teardown = tests["test_teardown"].failure
    assert teardown is not None
    assert teardown.longrepr == "E  #x1B[31mred#x00 <&>"


def test_junit_of_every_run_has_the_counts_of_the_history(sample: SampleHistory, tmp_path: Path) -> None:
    written = to_junit(*frames(sample), tmp_path)
    assert [path.stem for path in written] == sample.runs["run_id"].tolist()
    for path, run in zip(written, sample.runs.to_dict("records"), strict=True):
        report = parse_junit_xml(path)
        told = {name: report.counts[name] for name in ("passed", "failed", "skipped", "errors", "xfailed", "rerun")}
        assert told == {name: run[name] for name in told}
        rows = sample.results[sample.results["run_id"] == run["run_id"]]
        assert {t.nodeid: t.outcome for t in report.tests} == outcomes(rows)


def test_another_reader_of_junit_finds_the_same_totals(tmp_path: Path) -> None:
    (path,) = to_junit(*MATRIX, tmp_path / "report.xml")
    (suite,) = junitparser.JUnitXml.fromfile(str(path))
    stated = (suite.tests, suite.failures, suite.errors, suite.skipped)
    kinds = Counter(type(result).__name__ for case in suite for result in case.result)
    assert stated == (len(list(suite)), kinds["Failure"], kinds["Error"], kinds["Skipped"])
    assert {p.name: p.value for p in suite.properties()}["commit"] == "abc1234"  # type: ignore[no-untyped-call]


def test_what_pytest_wrote_is_written_again_with_the_same_counts(tmp_path: Path) -> None:
    (tmp_path / "test_real.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef late():\n    yield\n    raise OSError('late')\n"
        "@pytest.fixture\ndef early():\n    raise OSError('early')\n"
        "def test_pass(): pass\n"
        "def test_fail(): assert 1 == 2\n"
        "@pytest.mark.parametrize('x', ['a[b]', 'c::d', 'ü'])\ndef test_each(x): pass\n"
        "class TestIn:\n    def test_late(self, late): pass\n    def test_early(self, early): pass\n"
        "    def test_twice(self, late): assert 0\n"
        "@pytest.mark.xfail\ndef test_expected(): assert 0\n"
        "def test_skip(): pytest.skip('not now')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--junitxml=first.xml"]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    first = parse_junit_xml(tmp_path / "first.xml", known=["test_real.py"])
    rows: list[Row] = [(t.nodeid, 1, t.outcome) for t in first.tests]
    failures = [
        {"nodeid": t.nodeid, "phase": f.phase or "call", "exception": f.exception_type, "message": f.message}
        for t in first.tests
        for f in t.failures
    ]
    (path,) = to_junit(*one_run(rows, failures), tmp_path / "second.xml")
    second = parse_junit_xml(path)
    assert second.counts == first.counts
    assert {t.nodeid: t.outcome for t in second.tests} == {t.nodeid: t.outcome for t in first.tests}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Status = Literal["passed", "failed", "skipped", "pending", "other"]
Count = Annotated[int, Field(ge=0)]


class CtrfAttempt(Strict):
    attempt: Annotated[int, Field(ge=1)]
    status: Status
    duration: Count
    start: int | None = None
    stop: int | None = None
    message: str | None = None
    trace: str | None = None


class CtrfTest(Strict):
    name: Annotated[str, Field(min_length=1)]
    status: Status
    duration: Count
    start: int | None = None
    stop: int | None = None
    suite: Annotated[list[str], Field(min_length=1)] | None = None
    message: str | None = None
    trace: str | None = None
    rawStatus: str  # noqa: N815
    filePath: str | None = None  # noqa: N815
    retries: Count | None = None
    retryAttempts: list[CtrfAttempt] | None = None  # noqa: N815
    flaky: bool = False
    threadId: str | None = None  # noqa: N815


class CtrfSummary(Strict):
    tests: Count
    passed: Count
    failed: Count
    skipped: Count
    pending: Count
    other: Count
    flaky: Count
    start: int
    stop: int
    duration: Count


class CtrfResults(Strict):
    tool: dict[Literal["name", "version"], str]
    summary: CtrfSummary
    tests: list[CtrfTest]
    environment: dict[Literal["appName", "branchName", "commit", "buildUrl", "osPlatform"], str]
    extra: dict[str, str | dict[str, Count]]


class CtrfReport(Strict):
    """What the CTRF schema allows of what is written here."""

    reportFormat: Literal["CTRF"]  # noqa: N815
    specVersion: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]  # noqa: N815
    reportId: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]  # noqa: N815
    generatedBy: str  # noqa: N815
    results: CtrfResults


def test_ctrf_keeps_its_schema_and_its_summary(sample: SampleHistory, tmp_path: Path) -> None:
    written = [*to_ctrf(*frames(sample), tmp_path / "all"), *to_ctrf(*MATRIX, tmp_path / "one.json")]
    assert len(written) == len(sample.runs) + 1
    for path in written:
        results = CtrfReport.model_validate_json(path.read_bytes()).results
        counts = Counter(test.status for test in results.tests)
        summary = results.summary.model_dump()
        assert {status: summary[status] for status in counts} == counts
        assert summary["tests"] == len(results.tests)


def test_ctrf_says_what_became_of_each_test(tmp_path: Path) -> None:
    (path,) = to_ctrf(*MATRIX, tmp_path / "one.json")
    document = json.loads(path.read_text())
    tests = {test["name"].rpartition("::")[2]: test for test in document["results"]["tests"]}
    assert {name: test["status"] for name, test in tests.items()} == {
        "test_pass": "passed",
        "b/c.py-1]": "failed",
        "test_skip": "skipped",
        "test_xfail": "other",
        "test_xpass": "other",
        "test_setup": "failed",
        "test_teardown": "failed",
        "test_both": "failed",
        "test_retry": "passed",
        "test_retry_in_vain": "failed",
        "tests/test_broken.py": "failed",
    }
    assert tests["test_retry"]["flaky"]
    assert tests["test_retry"]["retryAttempts"][0]["message"] == "ValueError: once"
    assert tests["test_retry_in_vain"]["message"] == "twice"
    assert tests["test_both"]["message"] == "first"
    assert tests["test_pass"]["start"] == 1_772_359_201_000
    assert tests["test_pass"]["stop"] == 1_772_359_201_125
    assert tests["b/c.py-1]"]["suite"] == ["tests/test_a.py", "TestB"]


def test_ctrf_is_read_back_by_our_importer(sample: SampleHistory, tmp_path: Path) -> None:
    for path, run in zip(to_ctrf(*frames(sample), tmp_path), sample.runs.to_dict("records"), strict=True):
        report = parse(path)
        assert report.kind == "ctrf"
        told = {name: report.counts[name] for name in (*CATEGORIES, "rerun")}
        assert told == {name: run[name] for name in told}
        rows = sample.results[sample.results["run_id"] == run["run_id"]]
        assert [t.nodeid for t in report.tests] == rows["nodeid"].astype(str).drop_duplicates().tolist()
        last = rows.sort_values("attempt", kind="stable").drop_duplicates("nodeid", keep="last")
        assert [t.outcome for t in report.tests] == [
            dict(zip(last["nodeid"].astype(str), last["outcome"].astype(str), strict=True))[t.nodeid]
            for t in report.tests
        ]
        assert report.status == run["status"]
        assert report.metadata["commit"] == run["commit"]


def test_a_file_that_was_not_collected_comes_back_from_ctrf_under_its_own_name(tmp_path: Path) -> None:
    (path,) = to_ctrf(*MATRIX, tmp_path / "one.json")
    told = {t.nodeid: t.outcome for t in parse(path).tests}
    assert told.keys() == {*outcomes(MATRIX[1]), "tests/test_broken.py"}
    assert told["tests/test_broken.py"] == "error"


def test_a_run_of_which_only_counts_are_known_keeps_them(tmp_path: Path) -> None:
    counts: dict[str, Any] = {"passed": 7, "failed": 2, "skipped": 1, "errors": 1, "xfailed": 3, "xpassed": 1}
    known = one_run([], **counts, status="failed", complete=False)
    (path,) = to_ctrf(*known, tmp_path / "one.json")
    summary = CtrfReport.model_validate_json(path.read_bytes()).results.summary
    assert (summary.tests, summary.passed, summary.failed, summary.skipped, summary.other) == (15, 7, 3, 1, 4)
    report = parse(path)
    assert {name: report.counts[name] for name in CATEGORIES} == counts
    assert (report.status, report.complete) == ("failed", False)
    (path,) = to_junit(*known, tmp_path / "one.xml")
    (suite,) = junitparser.JUnitXml.fromfile(str(path))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (15, 2, 1, 4)
    with pytest.raises(Invalid, match="states a number of tests but lists none"):
        parse(path)


def test_what_is_not_known_of_a_run_without_tests_is_not_told_as_zero(tmp_path: Path) -> None:
    (path,) = to_ctrf(*one_run([], passed=7), tmp_path / "one.json")
    assert [parse(path).counts[name] for name in CATEGORIES] == [7, None, None, None, None, None]
    (path,) = to_ctrf(*one_run([]), tmp_path / "one.json")
    assert ({parse(path).counts[name] for name in CATEGORIES}, parse(path).status) == ({None}, None)


@pytest.mark.parametrize(("export", "suffix"), [(to_junit, ".xml"), (to_ctrf, ".json")])
def test_one_file_holds_one_run(export: Any, suffix: str, sample: SampleHistory, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="these are 30"):
        export(*frames(sample), tmp_path / f"all{suffix}")
    with pytest.raises(Invalid, match="these are 0"):
        export(empty("runs"), empty("results"), empty("failures"), tmp_path / f"none{suffix}")
    assert export(empty("runs"), empty("results"), empty("failures"), tmp_path) == []


@pytest.mark.parametrize("export", [to_junit, to_ctrf])
def test_a_run_without_tests_and_one_with_a_strange_id_are_written(export: Any, tmp_path: Path) -> None:
    runs, results, failures = one_run([])
    (path,) = export(runs.assign(run_id="../ci/7 ü"), results, failures, tmp_path)
    assert path.parent == tmp_path
    assert parse(path).tests.columns["nodeid"] == []


@pytest.mark.parametrize("export", [to_junit, to_ctrf])
def test_shards_are_part_of_their_run(export: Any, tmp_path: Path) -> None:
    runs, results, failures = one_run([("t.py::a", 1, "passed"), ("t.py::b", 1, "passed")])
    shards = conform(pd.concat([runs] * 2).assign(run_id=["s1", "s2"], parent="r1"), "runs")
    (path,) = export(pd.concat([runs, shards]), results.assign(run_id=["s1", "s2"]), failures, tmp_path)
    assert [test.nodeid for test in parse(path).tests] == ["t.py::a", "t.py::b"]


@pytest.mark.parametrize("compress", [False, True])
def test_csv_gives_the_frames_back(compress: bool, sample: SampleHistory, tmp_path: Path) -> None:
    written = to_csv(*frames(sample), tmp_path, compress=compress)
    kinds = ("runs", "results", "failures")
    assert [path.name.partition(".")[0] for path in written] == list(kinds)
    before = [path.read_bytes() for path in written]
    for path, frame, kind in zip(written, frames(sample), kinds, strict=True):
        back = conform(pd.read_csv(path, dtype={"commit": str, "branch": str, "python": str}), kind)  # type: ignore[arg-type]
        categories = [name for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)]
        left, right = (f.astype(dict.fromkeys(categories, object)) for f in (back, frame))
        assert_frame_equal(left, right)
    to_csv(*frames(sample), tmp_path, compress=compress)
    assert [path.read_bytes() for path in written] == before
