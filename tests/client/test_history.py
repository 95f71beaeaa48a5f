"""A project's test history in the caller's hands: fetched, asked, loaded and pruned, in both modes."""

from __future__ import annotations

import csv
import inspect
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
import pyarrow as pa
import pytest

from att.client.session import Session
from att.client.tests import Tests
from att.errors import Invalid, NotFound
from att.operations import REGISTRY
from att.testing import analysis
from att.testing.history.history import History
from att.testing.history.table import Table
from att.testing.samples import SampleHistory, sample_history
from tests.client.conftest import NewId
from tests.support.jupyter import JupyterServer


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return sample_history(20, 25)


@pytest.fixture(scope="module")
def reports(sample: SampleHistory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's runs as JUnit files, `<branch>/<commit>/<run>.xml`."""
    folder = tmp_path_factory.mktemp("reports")
    for run in sample.runs.itertuples():
        one = sample.runs[sample.runs["run_id"] == run.run_id]
        place = folder / str(run.branch).replace("/", "-") / str(run.commit) / f"{run.run_id}.xml"
        History(one, sample.results, sample.failures).to_junit(place)
    return folder


MATCH = r"(?P<branch>[^/]+)/(?P<commit>[^/]+)/"


def test_months_of_ci_are_loaded_and_fetched_as_one_history(
    s: Session, new_id: NewId, reports: Path, sample: SampleHistory
) -> None:
    p = s.project(new_id(), command=["true"])
    loaded = p.tests.load(reports, match=MATCH)
    assert list(loaded.columns) == ["path", "result", "run_id", "reason"]
    assert set(loaded["result"]) == {"imported"}
    h = p.tests.history(since=None)
    assert (len(h.runs), len(h.results)) == (25, len(sample.results))
    analysis.frames.validate(h.runs, h.results, h.failures)
    assert set(h.runs["commit"]) == set(sample.runs["commit"])
    assert set(h.results["nodeid"]) == set(sample.results["nodeid"])
    expected = analysis.compare(sample.runs, sample.results, *sample.runs["run_id"].iloc[[0, -1]])
    first, last = h.runs.sort_values("started_at")["run_id"].iloc[[0, -1]]
    compared = h.compare(first, last)
    pd.testing.assert_frame_equal(compared[["nodeid", "change"]], expected[["nodeid", "change"]])
    again = p.tests.load(str(reports / "**/*.xml"))
    assert set(again["result"]) == {"duplicate"}
    assert set(again["run_id"]) == set(loaded["run_id"])


def test_the_operations_say_what_the_methods_say(s: Session, new_id: NewId, reports: Path) -> None:
    p = s.project(new_id(), command=["true"])
    p.tests.load(reports, match=MATCH)
    h = p.tests.history(since=None, branch="main")
    newest = h.runs["run_id"].iloc[-1]
    asked: dict[str, tuple[Table, pd.DataFrame]] = {
        "pass_rate": (p.tests.pass_rate("W", since="all", branch="main"), h.pass_rate("W")),
        "each run": (p.tests.pass_rate("run", since="all", branch="main"), h.pass_rate(None)),
        "flaky": (p.tests.flaky(min_runs=3, since="all", branch="main"), h.flaky(3)),
        "slowest": (p.tests.slowest(0.5, since="all", branch="main"), h.slowest(0.5)),
        "regressions": (p.tests.regressions(5, "30d", since="all", branch="main"), h.regressions(5, "30d")),
        "first_failed": (p.tests.first_failed(since="all", branch="main"), h.first_failed()),
        "failure_groups": (p.tests.failure_groups(since="all", branch="main"), h.failure_groups()),
        "compare": (
            p.tests.compare(newest, "main", unchanged=True, since="all"),
            h.compare(newest, "main", unchanged=True),
        ),
    }
    for name, (table, frame) in asked.items():
        assert table.rows == len(frame), name
        expected = frame.astype(dict.fromkeys(frame.select_dtypes("category").columns, str))
        pd.testing.assert_frame_equal(table.to_frame(), expected, check_dtype=False)
    assert len(p.tests.slowest(since="all", limit=3).records) == 3


def test_the_period_and_the_branch_choose_runs(s: Session, new_id: NewId, reports: Path) -> None:
    p = s.project(new_id(), command=["true"])
    p.tests.load(reports, match=MATCH)
    h = p.tests.history(since=None)
    middle = h.runs["started_at"].sort_values().iloc[12]
    assert len(p.tests.history(since=middle.isoformat()).runs) == 13
    assert len(p.tests.history(since=None, until=middle.isoformat()).runs) == 12
    assert set(p.tests.history(since=None, branch="main").runs["branch"]) == {"main"}
    nothing = p.tests.history(since="1s")
    assert nothing.runs.empty
    assert "since=None" in repr(nothing)
    with pytest.raises(Invalid, match="since"):
        p.tests.history(since="yesterday")
    with pytest.raises(NotFound, match="no-such-project"):
        s.handle("no-such-project").tests.history()


def test_the_history_of_a_session_spans_its_projects(s: Session, new_id: NewId, reports: Path) -> None:
    names = [new_id(), new_id()]
    for name in names:
        s.project(name, command=["true"]).tests.load(reports, match=MATCH)
    h = s.history(since=None)
    both = h.runs[h.runs["project"].isin(names)]
    assert both["project"].value_counts().to_dict() == dict.fromkeys(names, 25)
    assert {"project", "nodeid"} <= set(History(both, h.results).slowest().columns)


def test_an_empty_history_says_how_to_begin(s: Session, new_id: NewId) -> None:
    name = new_id()
    h = s.project(name, command=["true"]).tests.history(since=None)
    assert repr(h).startswith(f"<History of {name}: no test runs yet. p.tests.run() makes the first one")
    assert h.flaky().empty


def test_a_zip_and_a_broken_file_are_told_in_the_frame(
    s: Session, new_id: NewId, reports: Path, tmp_path: Path
) -> None:
    p = s.project(new_id(), command=["true"])
    files = sorted(reports.rglob("*.xml"))[:3]
    with zipfile.ZipFile(tmp_path / "ci.zip", "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(reports))
        archive.writestr("main/abc/broken.xml", "<testsuite>")
    loaded = p.tests.load(tmp_path / "ci.zip", match=MATCH, ci_url="https://ci.example/7")
    assert loaded["result"].value_counts().to_dict() == {"imported": 3, "refused": 1, "duplicate": 0}
    assert set(p.tests.history(since=None).runs["ci_url"]) == {"https://ci.example/7"}
    with pytest.raises(NotFound, match=r"no-such\.zip"):
        p.tests.load(tmp_path / "no-such.zip")
    with pytest.raises(Invalid, match="empty path"):
        p.tests.load("")
    with pytest.raises(Invalid, match="regular expression"):
        p.tests.load(files[0], match="(")


def test_what_is_in_the_project_is_read_by_att_itself(s: Session, new_id: NewId, reports: Path) -> None:
    p = s.project(new_id(), command=["true"], path=str(reports))
    assert set(p.tests.load(files=["."], match=MATCH)["result"]) == {"imported"}
    assert "main" in set(p.tests.history(since=None).runs["branch"])
    with pytest.raises(NotFound):
        p.tests.load(files=["nothing-here"])


def test_old_runs_are_pruned_when_asked(s: Session, new_id: NewId, reports: Path) -> None:
    p = s.project(new_id(), command=["true"])
    p.tests.load(reports, match=MATCH)
    newest = p.tests.history(since=None).runs["started_at"].max()
    assert p.tests.prune(keep_runs=5).runs == 20
    h = p.tests.history(since=None)
    assert (len(h.runs), h.runs["started_at"].max()) == (5, newest)
    assert set(h.results["run_id"]) == set(h.runs["run_id"])
    assert p.tests.prune(keep_days=100_000).runs == 0
    assert p.tests.prune(vacuum=True).freed_bytes is not None
    with pytest.raises(Invalid, match="what to keep"):
        p.tests.prune()


def test_a_table_comes_as_csv_and_arrow_when_that_is_accepted(
    sessions: dict[str, Session], server: JupyterServer, reports: Path
) -> None:
    s = sessions["server"]
    p = s.project("accepting", command=["true"])
    p.tests.load(reports, match=MATCH)
    expected = p.tests.slowest(since="all", limit=10_000).to_frame()
    url = f"{server.url}api/v1/projects/accepting/test/history/slowest?since=all&limit=2"

    def get(accept: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {server.token}", "Accept": accept}
        return httpx.get(url, headers=headers, trust_env=False, timeout=60)

    rows = list(csv.DictReader(io.StringIO(get("text/csv").text)))
    assert [row["nodeid"] for row in rows] == list(expected["nodeid"])
    arrow = get("application/vnd.apache.arrow.stream, text/csv;q=0.5")
    assert arrow.headers["content-type"] == "application/vnd.apache.arrow.stream"
    pd.testing.assert_frame_equal(pa.ipc.open_stream(arrow.content).read_pandas(), expected, check_dtype=False)
    assert len(get("*/*").json()["records"]) == 2
    p.delete()


def test_the_history_of_a_project_is_the_stream_of_its_results_unless_another_part_is_named(
    sessions: dict[str, Session], server: JupyterServer, reports: Path, sample: SampleHistory
) -> None:
    p = sessions["server"].project("streaming", command=["true"])
    p.tests.load(reports, match=MATCH)

    def get(query: str) -> pa.Table:
        url = f"{server.url}api/v1/projects/streaming/test/history?since=all{query}"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {server.token}"}, trust_env=False, timeout=60)
        assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream", answer.text
        return pa.ipc.open_stream(answer.content).read_all()

    assert get("").equals(get("&part=results"))
    assert (get("").num_rows, get("&part=runs").num_rows) == (len(sample.results), 25)
    p.delete()


def test_a_time_that_is_no_time_is_refused_before_anything_is_fetched(s: Session, new_id: NewId) -> None:
    p = s.project(new_id(), command=["true"])
    with pytest.raises(Invalid, match="since is a length of time such as '30d'"):
        p.tests.history(since=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert p.tests.history(since=datetime(2026, 1, 1, tzinfo=UTC)).runs.empty


def test_load_takes_what_its_operation_takes() -> None:
    declared = REGISTRY["test.import"].parameters
    code = inspect.unwrap(Tests.load).__code__
    written = code.co_varnames[1 : code.co_argcount]
    assert list(written) == [name for name in declared if name != "project"]
