"""Waiting: for a state, for a run, in vain, and interrupted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pytest

from att.cli.connection import cli_address
from att.cli.parser import build_parser
from att.client.session import python_address
from att.client.waiting import Caller, Patience, finish, separate, wait_for_run, wait_until
from att.errors import Invalid, SetupFailed, StartFailed, TimedOut
from att.models import now
from att.operations import REGISTRY, operation_of
from att.projects.models import ProjectSetup
from att.runtime.models import Diagnosis, Diagnostics, ExitRecord, LogLine, RuntimeStatus
from att.runtime.operations import RuntimeOperations
from att.testing.models import TestRun

START = operation_of(RuntimeOperations.start)


def _status(state: str, health: str = "unknown", run: str = "run-1") -> RuntimeStatus:
    return RuntimeStatus.model_validate(
        {"project": "demo", "state": state, "health": health, "run_id": run, "observed_at": now()}
    )


def _setup(state: str, **more: Any) -> ProjectSetup:
    return ProjectSetup(project="demo", run_id="setup-01", state=state, started_at=now(), **more)


class Answers:
    """Answers each operation with the next of its values, the last one for ever."""

    def __init__(self, **answers: list[Any]) -> None:
        self._answers = {name.replace("_", ".", 1): values for name, values in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, given: Mapping[str, Any]) -> Any:
        self.asked.append((name, dict(given)))
        values = self._answers[name]
        value = values.pop(0) if len(values) > 1 else values[0]
        if isinstance(value, BaseException):
            raise value
        return value

    @property
    def caller(self) -> Caller:
        return Caller(self, python_address)


@pytest.mark.parametrize(("goal", "asked"), [("running", 1), ("healthy", 3)])
def test_waiting_ends_when_the_goal_is_reached(goal: str, asked: int) -> None:
    steps = [_status("running", "starting"), _status("running", "transient"), _status("running", "healthy")]
    answers = Answers(runtime_status=steps)
    assert wait_until(answers.caller, _status("starting"), goal, 10).state == "running"
    assert len(answers.asked) == asked


@pytest.mark.parametrize("end", [_status("exited"), _status("backoff"), _status("running", "healthy", run="run-2")])
def test_an_end_while_waiting_is_a_failed_start_with_its_evidence(end: RuntimeStatus) -> None:
    record = ExitRecord(code=7, signal=None, reason="exit code 7", started_at=now(), exited_at=now())
    lines = [LogLine(text=f"line {n}", stream="stderr", at=now(), run_id="run-1") for n in range(50)]
    told = Diagnostics(
        project="demo",
        run_id="run-1",
        exit=record,
        diagnosis=Diagnosis(summary="The port is taken", remedy="Choose another port."),
        last_lines=lines,
        restarts=[],
    )
    answers = Answers(runtime_status=[end], runtime_diagnostics=[told])
    with pytest.raises(StartFailed) as caught:
        wait_until(answers.caller, _status("running", "starting"), "healthy", 10)
    message = "demo ended before it was healthy: exit code 7. The port is taken. Choose another port."
    assert str(caught.value) == message
    assert caught.value.details["last_lines"] == [f"line {n}" for n in range(30, 50)]
    assert caught.value.details["exit"]["code"] == 7
    assert answers.asked[-1] == ("runtime.diagnostics", {"project": "demo", "run": "run-1"})


def test_patience_that_ends_says_that_the_work_goes_on() -> None:
    answers = Answers(runtime_status=[_status("running", "unhealthy")])
    with pytest.raises(TimedOut, match=r"not healthy after 0.05 s and goes on: running, unhealthy") as caught:
        wait_until(answers.caller, _status("starting"), "healthy", 0.05)
    assert "stop it with p.runtime.stop()" in str(caught.value)


def test_an_interruption_stops_nothing_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    answers = Answers(runtime_status=[KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        wait_until(answers.caller, _status("starting"), "healthy", 10)
    assert [name for name, _ in answers.asked] == ["runtime.status"]
    assert capsys.readouterr() == (
        "",
        "demo goes on starting. Look with p.runtime.status(), stop it with p.runtime.stop().\n",
    )


def test_a_run_is_waited_for_until_it_has_succeeded() -> None:
    answers = Answers(project_setup=[_setup("running", progress=0.5), _setup("succeeded")])
    assert wait_for_run(answers.caller, _setup("running")).state == "succeeded"
    assert answers.asked == [("project.setup", {"project": "demo"})] * 2


@pytest.mark.parametrize(("state", "words"), [("failed", "failed. No such repository"), ("cancelled", "was cancelled")])
def test_a_setup_that_fails_raises(state: str, words: str) -> None:
    ended = _setup(state, message="No such repository", last_lines=["fatal: x"])
    with pytest.raises(SetupFailed, match=words) as caught:
        wait_for_run(Answers(project_setup=[ended]).caller, _setup("running"))
    assert caught.value.details["last_lines"] == ["fatal: x"]


def test_a_run_that_takes_too_long_goes_on() -> None:
    answers = Answers(project_setup=[_setup("running", message="Installing")])
    with pytest.raises(TimedOut, match=r"Installing\. Look with p\.setup\(\), cancel with p\.cancel_setup\(\)"):
        wait_for_run(answers.caller, _setup("running"), 0.05)


def _suite(state: str) -> TestRun:
    return TestRun(project="demo", run_id="20260102-030405-ab", state=state, started_at=now())


def test_a_run_of_many_is_told_with_its_id_as_python_and_the_command_take_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = Answers(test_status=[_suite("running")])
    with pytest.raises(TimedOut) as caught:
        wait_for_run(answers.caller, _suite("running"), 0.05)
    assert "p.tests.status('20260102-030405-ab'), cancel with p.tests.cancel('20260102-030405-ab')." in str(
        caught.value
    )
    with pytest.raises(KeyboardInterrupt):
        wait_for_run(Caller(Answers(test_status=[KeyboardInterrupt()]), cli_address), _suite("running"))
    commands = capsys.readouterr().err.split("`")[1::2]
    parsed = [build_parser().parse_args(shlex.split(command)[1:]) for command in commands]
    assert [(p.operation.name, p.project, p.run) for p in parsed] == [
        ("test.status", "demo", "20260102-030405-ab"),
        ("test.cancel", "demo", "20260102-030405-ab"),
    ]


def test_what_the_caller_acts_on_is_parted_from_the_rest() -> None:
    wire, patience = separate(START, {"project": "demo", "wait": "healthy"})
    assert (wire, patience) == ({"project": "demo"}, Patience("healthy", 60.0))
    assert separate(REGISTRY["runtime.stop"], {"project": "demo"}) == ({"project": "demo"}, Patience())
    assert separate(REGISTRY["project.create"], {"id": "a"})[1] == Patience(True, None)


@pytest.mark.parametrize("given", [{"wait": "helthy"}, {"timeout": 0}, {"timeout": "long"}])
def test_wrong_patience_is_invalid(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"runtime\.start cannot wait like this"):
        separate(START, {"project": "demo", **given})


@pytest.mark.parametrize(
    ("name", "result", "goal"),
    [("runtime.start", _status("starting"), None), ("project.setup", _setup("running"), True)],
)
def test_without_a_goal_and_for_looks_at_a_run_nobody_waits(name: str, result: Any, goal: Any) -> None:
    assert finish(Answers().caller, REGISTRY[name], result, Patience(goal)) is result
