"""Months of CI and tonight's run are one history: the same test has the same name, wherever it ran."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from att.testing.history.frames import Frames, assemble
from att.testing.history.selecting import selection
from tests.support.bare import BARE
from tests.support.waiting import eventually
from tests.testing.history.reports import House, house, junit

ENV = {"FLAKY_SEED": "1", **BARE}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def tonight(home: House, project: str, **asked: Any) -> Any:
    """Run the tests of a project with the runner, to the end."""
    run = home.ask("test.run", project=project, env=ENV, extra_args=["-p", "no:cacheprovider"], **asked)

    def ended() -> Any:
        seen = home.ask("test.status", project=project, run=run.run_id)
        return seen if seen.state != "running" else None

    return eventually(ended, 60)


def frames(home: House, project: str) -> Frames:
    chosen = selection(project, None, None, None, None)
    return assemble(lambda part: b"".join(home.workspace.history.stream(part, chosen)))


def test_a_junit_file_of_ci_and_a_run_of_tonight_name_the_same_tests(home: House, tmp_path: Path) -> None:
    home.ask("project.create", id="service", template="service", path=str(tmp_path / "service"), python=sys.executable)
    report = tmp_path / "service" / "ci" / "main" / "0123456789" / "junit.xml"
    command = [sys.executable, "-m", "pytest", "tests/unit", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run(command, cwd=tmp_path / "service", env={**os.environ, **ENV}, capture_output=True, check=False)
    loaded = home.ask(
        "test.import", project="service", files=["ci"], match=r"(?P<branch>[^/]+)/(?P<commit>[^/]+)/"
    ).reports
    assert [(item.result, item.reason) for item in loaded] == [("imported", "")]
    run = tonight(home, "service", suite="unit")

    runs, results, failures = frames(home, "service")
    assert set(runs["source"]) == {"junit", "runner"}
    names = {run_id: set(of["nodeid"]) for run_id, of in results.groupby("run_id", observed=True)}
    assert names[loaded[0].run_id] == names[run.run_id]
    assert len(names[run.run_id]) == run.collected == 8
    assert set(results.groupby("nodeid", observed=True).size()) == {2}
    outcomes = results.pivot_table(index="nodeid", columns="run_id", values="outcome", aggfunc="first", observed=True)
    assert (outcomes[loaded[0].run_id].astype(str) == outcomes[run.run_id].astype(str)).all()
    alike = failures[failures["nodeid"] == "tests/unit/test_greeting.py::test_a_greeting_is_shouted"]
    assert (len(alike), alike["fingerprint"].nunique()) == (2, 1)
    broken = home.ask("test.first_failed", project="service", since="all").records
    assert {record["nodeid"] for record in broken} == {"tests/unit/test_greeting.py::test_a_greeting_is_shouted"}


def test_names_that_were_not_known_join_when_a_run_names_their_tests(home: House) -> None:
    home.write({"ci.xml": junit({"tests.test_a::test_one": "P", "tests.test_a.TestB::test_two": "P"})})
    (_, reason), *_ = home.load("ci.xml").values()
    assert reason == "2 tests are not known to the project yet, and will join when a run names them."
    (old,) = home.runs()
    assert set(home.nodeids(old.run_id)) == {"tests.test_a::test_one", "tests.test_a.TestB::test_two"}
    assert frames(home, "demo").results["resolved"].to_list() == [False, False]

    home.write({"tests/test_a.py": "def test_one(): pass\nclass TestB:\n    def test_two(self): pass\n"})
    home.ask("project.update", project="demo", python=sys.executable)
    run = tonight(home, "demo")
    assert home.nodeids(old.run_id).keys() == home.nodeids(run.run_id).keys()
    _, results, _ = frames(home, "demo")
    assert sorted(results["nodeid"].unique()) == ["tests/test_a.py::TestB::test_two", "tests/test_a.py::test_one"]
    assert results["resolved"].all()


def test_names_join_when_another_report_says_what_they_are(home: House) -> None:
    home.write({"ci.xml": junit({"tests.test_a::test_one": "P"})})
    home.load("ci.xml")
    line = (
        '{"nodeid": "tests/test_a.py::test_one", "location": ["tests/test_a.py", 0, "test_one"], "keywords": {}, '
        '"outcome": "passed", "longrepr": null, "when": "%s", "user_properties": [], "sections": [], '
        '"duration": 0.1, "start": 1772000000.0, "stop": 1772000000.1, "$report_type": "TestReport"}\n'
    )
    log = '{"pytest_version": "9.0.0", "$report_type": "SessionStart"}\n'
    log += "".join(line % when for when in ("setup", "call", "teardown"))
    log += '{"exitstatus": 0, "$report_type": "SessionFinish"}\n'
    home.write({"log.jsonl": log})
    assert home.load("log.jsonl")["log.jsonl"][0] == "imported"
    assert {name for run in home.runs() for name in home.nodeids(run.run_id)} == {"tests/test_a.py::test_one"}


def test_a_name_that_two_tests_could_have_stays_as_it_was_reported(home: House) -> None:
    home.write({"ci.xml": junit({"test_a::test_one": "P"}), "a/test_a.py": "", "b/test_a.py": ""})
    home.load("ci.xml")
    assert set(home.nodeids(home.runs()[0].run_id)) == {"test_a::test_one"}
