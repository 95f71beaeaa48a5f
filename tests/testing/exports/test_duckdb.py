import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from att.errors import Invalid, NotFound
from att.testing.analysis import conform, empty
from att.testing.duck import DuckHistory
from att.testing.duck import executions as duck_executions
from att.testing.exports import open_parquet, to_parquet
from att.testing.history.history import History
from att.testing.samples import sample_history
from tests.testing.analysis.histories import history

Both = tuple[History, DuckHistory]


def sample(**how: Any) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    made = sample_history(**how)
    return made.runs, made.results, made.failures


def unusual() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Retries, duplicate ids, errors after a pass, skips, unknown durations, shards, no commits, unknown branches."""
    tests = {"t.py::a": "PPFPFPPRRPPF", "t.py::b": "FFFFFFFFFFFF", "t.py::c": "SSSSXxSSSSSS", "t.py::d": "PEPEP..PPEEE"}
    commits = ["c1", "c1", None, "c2", "c2", "c2", None, "c3", "c3", "c4", "c4", "c5"]
    branches = ["main", "main", None, "main", "topic", "topic", None, "main", "main", "main", "topic", "main"]
    dirty = [False, True, None, False, False, None, True, False, False, False, False, False]
    runs, results = history(tests, commits=commits, branches=branches, dirty=dirty)
    results.loc[results.index % 5 == 0, "duration_seconds"] = None
    again = results[results["nodeid"] == "t.py::d"].assign(outcome="passed")
    results = pd.concat([results.astype(object), again.astype(object)], ignore_index=True)
    shards = conform(runs.iloc[[8, 9]].assign(run_id=["s1", "s2"], parent="r009", shard=["1/2", "2/2"]), "runs")
    parts = [results[results["run_id"] == "r009"].assign(run_id=f"s{i}", nodeid=f"t.py::s{i}") for i in (1, 2)]
    failures: list[Any] = [("r011", "t.py::a", "ValueError", f"{i} is wrong at 0x{i}", None) for i in range(3)]
    failures += [("r002", "t.py::a", None, "no class", None), ("s1", "t.py::s1", "KeyError", None, "known")]
    columns = ["run_id", "nodeid", "exception", "message", "fingerprint"]
    return (
        conform(pd.concat([runs, shards], ignore_index=True), "runs"),
        conform(pd.concat([results, *parts], ignore_index=True), "results"),
        conform(pd.DataFrame(failures, columns=columns), "failures"),
    )


def red() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A suite in which every test fails in every run."""
    runs, results, failures = sample(tests=20, runs=20)
    failed = pd.Categorical(["failed"] * len(results), results["outcome"].cat.categories)
    return runs, results.assign(outcome=failed), failures


def nothing() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return empty("runs"), empty("results"), empty("failures")


HISTORIES: dict[str, Callable[[], tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]] = {
    "usual": sample,
    "two projects": lambda: sample(tests=40, runs=60, projects=("shop", "desk")),
    "one run": lambda: sample(tests=20, runs=1),
    "unusual": unusual,
    "red": red,
    "nothing": nothing,
}
QUESTIONS: dict[str, Callable[[Any], pd.DataFrame]] = {
    "pass_rate": lambda h: h.pass_rate("W"),
    "flaky": lambda h: h.flaky(),
    "flaky, few runs": lambda h: h.flaky(3, outage_share=0.9),
    "slowest": lambda h: h.slowest(),
    "slowest, median": lambda h: h.slowest(0.5),
    "regressions": lambda h: h.regressions(),
    "regressions, long": lambda h: h.regressions("20d", "300d", 1.05, 0.0, max_p=1.0),
    "first_failed": lambda h: h.first_failed(),
    "failure_groups": lambda h: h.failure_groups(),
    "outages": lambda h: h.outages(),
}


@pytest.fixture(scope="module", params=HISTORIES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("export")
    to_parquet(*HISTORIES[request.param](), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duck_executions, "_PART", 700)  # so that every question is put to several parts
        with open_parquet(folder, "duckdb") as duck:
            yield open_parquet(folder), duck


def equal(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert_frame_equal(left, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("question", QUESTIONS)
def test_duckdb_gives_the_same_table_as_pandas(question: str, both: Both) -> None:
    left, right = (QUESTIONS[question](h) for h in both)
    equal(left, right)


REFUSED: dict[str, Callable[[Any], pd.DataFrame]] = {
    "min_runs": lambda h: h.flaky(-1),
    "outage_share": lambda h: h.outages(5),
    "q": lambda h: h.slowest(1.0),
    "min_ratio": lambda h: h.regressions(min_ratio=0),
    "max_p": lambda h: h.regressions(max_p=2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arguments_that_cannot_be_are_refused_alike(name: str, both: Both) -> None:
    said = []
    for h in both:
        with pytest.raises(Invalid, match=name) as caught:
            REFUSED[name](h)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_questions_about_a_test_a_run_or_a_suite_are_answered_alike(both: Both) -> None:
    frames, duck = both
    if frames.runs.empty:
        with pytest.raises(NotFound):
            duck.timeline("tests/test_a.py::test_b")
        return
    for nodeid in frames.flaky()["nodeid"].head(4):
        equal(frames.timeline(nodeid), duck.timeline(nodeid))
        equal(frames.first_failed(nodeid), duck.first_failed(nodeid))
    first, last = frames.runs["run_id"].iloc[[0, -1]]
    equal(frames.compare(first, last, unchanged=True), duck.compare(first, last, unchanged=True))
    equal(frames.compare("main", last, min_ratio=1.01), duck.compare("main", last, min_ratio=1.01))
    for h in both:
        with pytest.raises(NotFound, match="Did you mean"):
            h.first_failed(str(frames.results["nodeid"].iloc[0])[:-1])
    if frames.runs["project"].nunique() == 1:
        equal(frames.balance(3), duck.balance(3))
        equal(frames.balance(2, together="file"), duck.balance(2, together="file"))
    else:
        with pytest.raises(Invalid, match="one project"):
            duck.balance(3)


def test_a_selection_is_answered_alike_and_loads_into_memory(both: Both) -> None:
    frames, duck = both
    if frames.runs.empty:
        return
    left = frames.select(branch="main", since="40d")
    with duck.select(branch="main", since="40d") as right:
        equal(left.runs, right.runs)
        equal(left.flaky(), right.flaky())
        equal(left.failure_groups(), right.failure_groups())
        equal(left.slowest(), right.load().slowest())
        assert right.plot.trend().axes or right.runs["passed"].isna().all()


def test_both_engines_have_the_same_methods_with_the_same_arguments() -> None:
    ours, theirs = (
        {
            name: inspect.signature(value)
            for name, value in vars(cls).items()
            if inspect.isfunction(value) and not name.startswith("_")
        }
        for cls in (DuckHistory, History)
    )
    missing = {name for name in theirs if not name.startswith("to_")} - set(ours)
    assert missing == set()
    for name in set(ours) & set(theirs) - {"select"}:
        assert str(ours[name]) == str(theirs[name]), name
        assert DuckHistory.__dict__[name].__doc__, name


def test_a_question_in_sql_sees_every_frame(tmp_path: Path) -> None:
    to_parquet(*sample(tests=20, runs=20), tmp_path)
    with open_parquet(tmp_path, "duckdb") as h:
        answer = h.sql("SELECT count(*) AS n FROM results r JOIN runs USING (run_id) WHERE branch = ?", "main")
        assert answer["n"].item() == len(h.select(branch="main").results)


def test_the_temporary_files_lie_where_they_should_and_go_with_it(tmp_path: Path) -> None:
    export, spill = tmp_path / "export", tmp_path / "spill"
    spill.mkdir()
    to_parquet(*sample(tests=20, runs=20), export)
    h = open_parquet(export, "duckdb", memory="200MB", spill=spill)
    h.flaky()
    assert len(list(spill.iterdir())) == 1
    limit = h.sql("SELECT current_setting('memory_limit') AS size")["size"].item()
    assert limit == "190.7 MiB"
    h.close()
    assert list(spill.iterdir()) == []


def test_an_engine_or_a_limit_that_is_unknown_is_refused(tmp_path: Path) -> None:
    to_parquet(*sample(tests=20, runs=2), tmp_path)
    with pytest.raises(Invalid, match="pandas or duckdb"):
        open_parquet(tmp_path, "spark")  # type: ignore[call-overload]
    with pytest.raises(Invalid, match="memory_limit"):
        open_parquet(tmp_path, "duckdb", memory="lots")
    with pytest.raises(NotFound, match="to_parquet"):
        open_parquet(tmp_path / "elsewhere", "duckdb")


def test_without_duckdb_the_error_has_the_pip_line(tmp_path: Path) -> None:
    to_parquet(*sample(tests=20, runs=2), tmp_path)
    code = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from att.testing.exports import open_parquet\n"
        f"print(len(open_parquet({str(tmp_path)!r}).flaky()))\n"
        f"try: open_parquet({str(tmp_path)!r}, 'duckdb')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert int(said[0]) >= 20
    assert said[1].startswith("NotSupported")
    assert "pip install 'jupyter-att[duckdb]'" in said[1]
