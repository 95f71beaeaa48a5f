"""What answers of probes mean, as pure counting."""

from __future__ import annotations

from typing import Any

import pytest

from att.models import now
from att.runtime.models import Probe, ProbeResult
from att.runtime.probes import ProbeBoard
from att.runtime.timings import Timings

TIMINGS = Timings()


class Run:
    """A run whose probes are answered by hand; time goes on by the period with each answer."""

    def __init__(self, *probes: dict[str, Any], **settings: Any) -> None:
        given = [Probe.model_validate({"kind": "tcp", "port": 1, **probe}) for probe in probes]
        self.board = ProbeBoard(given, TIMINGS, **settings)
        self.age = 1.0

    def answer(self, *results: str, role: str = "readiness", step: float = 5.0) -> Run:
        for result in results:
            (tracker,) = self.board.of(role)
            self.age += step
            outcome = ProbeResult.model_validate(
                {"at": now(), "role": role, "kind": "tcp", "result": result, "milliseconds": 1.0, "detail": "because"}
            )
            self.board.take(tracker, outcome, self.age)
        return self

    @property
    def health(self) -> str:
        return self.board.health(self.age)[0]

    def state(self, role: str = "readiness") -> str:
        return next(status.state for status in self.board.statuses() if status.probe.role == role)


READY = {"role": "readiness"}
LIVE = {"role": "liveness"}
START = {"role": "startup"}


def test_without_probes_a_project_is_healthy_after_a_second() -> None:
    board = ProbeBoard([], TIMINGS)
    assert (board.health(0.99)[0], board.health(1.0)[0], board.next_due(0.5)) == ("starting", "healthy", 1.0)
    assert board.next_due(1.0) is None


def test_a_pass_makes_healthy_and_failures_below_the_threshold_transient() -> None:
    run = Run(READY)
    assert (run.health, run.state()) == ("starting", "waiting")
    assert run.answer("pass").health == "healthy"
    assert run.answer("fail", "fail").health == "transient"
    assert run.state() == "transient"
    assert run.answer("fail").health == "unhealthy"
    assert "3 times in a row: because" in run.board.health(run.age)[1]
    assert run.answer("pass").health == "healthy"


def test_one_pass_wipes_out_the_failures() -> None:
    run = Run(READY).answer("pass", "fail", "fail", "pass", "fail", "fail")
    assert run.health == "transient"


def test_flapping_is_transient_and_never_unhealthy() -> None:
    run = Run(READY).answer("pass")
    assert {run.answer(result).health for result in ["fail", "pass"] * 20} == {"transient", "healthy"}


def test_errors_of_the_probe_itself_change_nothing() -> None:
    run = Run(READY).answer("pass", "fail", "error", "error", "error", "error")
    assert (run.health, run.state()) == ("transient", "transient")
    (status,) = run.board.statuses()
    assert (status.errors, status.failures) == (4, 1)


def test_the_success_threshold_counts_passes_in_a_row() -> None:
    run = Run({**READY, "success_threshold": 3}).answer("pass", "pass", "fail", "pass", "pass")
    assert run.health == "starting"
    assert run.answer("pass").health == "healthy"


def test_a_project_that_has_never_passed_is_starting_until_the_threshold() -> None:
    run = Run(READY).answer("fail", "fail")
    assert run.health == "starting"
    assert run.answer("fail").health == "unhealthy"


def test_eager_probing_counts_a_failure_once_a_period() -> None:
    run = Run(READY).answer(*["fail"] * 40, step=0.2)
    assert run.health == "starting"
    assert run.board.statuses()[0].failures == 2


def test_a_run_that_has_not_passed_is_asked_again_soon_and_then_at_its_period() -> None:
    run = Run(READY)
    tracker = run.board.of("readiness")[0]
    pauses = []
    for step in (0.1, 0.2, 1.0, 4.0, 30.0):
        run.answer("fail", step=step)
        pauses.append(round(tracker.due - run.age, 3))
    assert pauses == [0.275, 0.325, 0.575, 1.575, 5.0]
    run.answer("pass")
    assert tracker.due - run.age == 5.0


def test_a_startup_probe_gates_the_others() -> None:
    run = Run(START, READY, LIVE)
    assert [tracker.probe.role for tracker in run.board.asked()] == ["startup"]
    run.answer("fail", "pass", role="startup")
    assert [tracker.probe.role for tracker in run.board.asked()] == ["readiness", "liveness"]
    assert run.health == "starting"
    assert run.board.next_due(run.age) == run.age
    assert run.answer("pass").health == "healthy"


def test_thirty_startup_failures_give_the_run_up() -> None:
    run = Run(START).answer(*["fail"] * 29, role="startup")
    assert run.board.given_up() is None
    run.answer("fail", role="startup")
    given_up = run.board.given_up()
    assert given_up is not None
    assert (run.health, given_up.probe.role) == ("unhealthy", "startup")


def test_a_passed_startup_probe_is_enough_without_a_readiness_probe() -> None:
    assert Run(START).answer("pass", role="startup").health == "healthy"


def test_a_startup_probe_that_has_passed_before_an_adoption_is_not_asked_again() -> None:
    run = Run(START, READY, age=100.0, startup_passed=True)
    assert [tracker.probe.role for tracker in run.board.asked()] == ["readiness"]


def test_a_liveness_failure_puts_every_probe_on_hold() -> None:
    run = Run(READY, LIVE).answer("pass").answer("fail", "fail", role="liveness")
    assert (run.health, run.board.given_up()) == ("transient", None)
    run.answer("fail", role="liveness")
    assert (run.health, run.state("readiness"), run.state("liveness")) == ("unhealthy", "on_hold", "on_hold")
    assert (run.board.asked(), run.board.next_due(run.age)) == ([], None)
    run.answer("pass", role="liveness").answer("pass")
    assert run.health == "unhealthy"


def test_readiness_failures_never_give_a_run_up() -> None:
    run = Run(READY).answer("pass", *["fail"] * 10)
    assert (run.health, run.board.given_up()) == ("unhealthy", None)


@pytest.mark.parametrize("role", ["readiness", "liveness", "startup"])
def test_the_default_thresholds(role: str) -> None:
    probe = Probe.model_validate({"kind": "process", "role": role})
    assert probe.failures_allowed == (30 if role == "startup" else 3)
    assert (probe.period_seconds, probe.timeout_seconds, probe.success_threshold) == (5.0, 2.0, 1)
