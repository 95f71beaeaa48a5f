"""How a test run ended: the status from return code and events, and the `TestRun` that travels."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from att.models import RunState, now
from att.testing.models import MOST_FAILURES, TestEnvironment, TestRun, TestStatus
from att.testing.stream import StreamState

__all__ = ["TIMED_OUT_RETURNCODE", "finished_run", "live_run", "reason_of", "status_of"]

TIMED_OUT_RETURNCODE = 124
_BY_RETURNCODE: dict[int, TestStatus] = {
    0: "passed",
    1: "failed",
    2: "interrupted",
    3: "internal_error",
    4: "usage_error",
    5: "no_tests",
}
_NOT_IN_ORDER = frozenset({"crashed", "cancelled", "usage_error", "internal_error"})
_NO_OUTCOMES = frozenset({"warnings", "deselected"})
_NAMED_COUNTS = frozenset({"passed", "failed", "skipped", "error", "xfailed", "xpassed", "rerun", "deselected"})


def status_of(
    state: StreamState, returncode: int | None, *, timed_out: bool = False, cancelled: bool = False
) -> TestStatus:
    """Return the status of a run whose process is gone.

    `returncode` is -N when signal N ended the process and None when nobody saw the end. `timed_out` and `cancelled`
    say that the runner ended it; a session that came to its own end before a cancel took effect keeps its status.
    """
    if timed_out:
        return "timed_out"
    if cancelled and (not state.ended or state.interrupt is not None):
        return "cancelled"
    if state.end is None:
        return _status_without_end(state, returncode)
    if returncode is not None and returncode < 0:
        return "crashed"
    if state.interrupt is not None:
        return _status_of_interrupt(state)
    status = _BY_RETURNCODE.get(state.end.exitstatus, "failed")
    if status != "passed":
        return status
    # Plugins can make pytest end with 0 although tests failed, and others end the process after it.
    if _bad(state) or _left_otherwise(state, returncode):
        return "failed"
    return "passed" if _ran(state) else "no_tests"


def _status_without_end(state: StreamState, returncode: int | None) -> TestStatus:
    if returncode is None or returncode < 0:
        return "crashed"
    if state.boot is None:  # Python or pytest did not start
        return "usage_error" if returncode else "no_tests"
    if not state.exited:  # os._exit, whatever it returned
        return "crashed"
    if returncode in (2, 3, 4):  # pytest gave up before its session began
        return _BY_RETURNCODE[returncode]
    if state.session is None:
        return "usage_error" if returncode else "no_tests"
    return "crashed"


def _status_of_interrupt(state: StreamState) -> TestStatus:
    stopped_itself = state.interrupt is not None and state.interrupt.type == "Interrupted"
    if not stopped_itself:
        return "interrupted"
    limit = state.session.maxfail if state.session else 0
    if limit and _bad(state) >= limit:  # how xdist ends at --maxfail
        return "failed"
    return "collect_error" if state.counts.get("error") and not state.finished else "interrupted"


def _bad(state: StreamState) -> int:
    return state.counts.get("failed", 0) + state.counts.get("error", 0)


def _ran(state: StreamState) -> bool:
    return state.finished > 0 or any(number for name, number in state.counts.items() if name not in _NO_OUTCOMES)


def _left_otherwise(state: StreamState, returncode: int | None) -> bool:
    """Say whether pytest ended well and the process did not."""
    return state.end is not None and state.end.exitstatus == 0 and returncode not in (0, None)


def reason_of(state: StreamState, status: TestStatus, returncode: int | None, shard: int | None = None) -> str:
    """Return one line that says how the run ended, and during which test; `returncode` is that of the shard if any."""
    match status:
        case "crashed":
            who = "Pytest" if shard is None else f"Shard {shard}"
            text = f"{who} ended without finishing: {_how(returncode)}"
        case "interrupted" if state.interrupt is not None:
            text = ": ".join(part for part in ("Interrupted", state.interrupt.message) if part)
        case "failed" if _left_otherwise(state, returncode) and not _bad(state):
            text = f"Pytest ended with 0, the process with {returncode}"
        case "internal_error" if state.internal_errors:
            text = "Pytest failed inside: " + state.internal_errors[0].strip().rpartition("\n")[2]
        case "collect_error":
            text = f"{state.counts.get('error', 0)} file(s) could not be collected"
        case "usage_error" if state.boot is None:
            text = "Pytest did not start; is it installed in the project's Python? See the log"
        case "usage_error":
            text = "Pytest refused its arguments or a conftest file; see the log"
        case "no_tests" if state.collected:
            text = f"{state.collected} test(s) were collected and none was run; is --collect-only among the options"
            text += " that the project gives to pytest?"
        case "no_tests" if state.session is None:
            text = "Pytest left before it collected tests; is --version or --help among its options, or does a"
            text += " conftest file exit?"
        case "no_tests":
            text = "No tests were selected"
        case _:
            text = status.replace("_", " ").capitalize()
    text = text.rstrip(".")  # pytest's own words may end with one
    names = ", ".join(test.nodeid for test in state.in_flight[:3])
    told = f"{text}; in flight: {names}" if names else text
    return told if told.endswith("?") else f"{told}."


def _how(returncode: int | None) -> str:
    if returncode is None:
        return "nobody saw its end"
    if returncode >= 0:
        return f"the process left with {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def live_run(run: TestRun, state: StreamState, durations: Mapping[str, float] | None = None) -> TestRun:
    """Return the run with what is known while it goes on; `durations` are earlier seconds by nodeid."""
    at = now()
    return run.model_copy(
        update={
            **_results(run, state, at),
            "progress": state.progress,
            "eta_seconds": state.eta_seconds(durations or {}, at),
            "message": _progress_message(state),
        }
    )


def finished_run(
    run: TestRun,
    state: StreamState,
    *,
    ended_at: datetime | None,
    returncode: int | None,
    timed_out: bool = False,
    cancelled: bool = False,
) -> TestRun:
    """Return the run with its final results; the process is gone and its stream is read to the end."""
    status = status_of(state, returncode, timed_out=timed_out, cancelled=cancelled)
    ended: RunState = "succeeded" if status == "passed" else "cancelled" if status == "cancelled" else "failed"
    return run.model_copy(
        update={
            **_results(run, state, ended_at),
            "state": ended,
            "status": status,
            "ended_at": ended_at,
            "progress": state.progress,
            "eta_seconds": None,
            "message": reason_of(state, status, returncode),
            "no_tests_collected": (status == "no_tests" and not state.collected)
            or (state.ended and state.collected == 0),
            "timed_out": timed_out,
            "returncode": TIMED_OUT_RETURNCODE if timed_out else returncode,
            "complete": state.complete and status not in _NOT_IN_ORDER,
        }
    )


def _results(run: TestRun, state: StreamState, at: datetime | None) -> dict[str, Any]:
    counts = state.counts
    subtests = {name: number for name, number in counts.items() if name.startswith("subtests ")}
    named = _NAMED_COUNTS | {"warnings"} | set(subtests)
    return {
        **{name: counts.get(name, 0) for name in _NAMED_COUNTS - {"error"}},
        "errors": counts.get("error", 0),
        "warnings": counts.get("warnings", 0),
        "subtests": sum(subtests.values()),
        "other_counts": {name: number for name, number in counts.items() if name not in named},
        "collected": state.collected,
        "finished": state.finished,
        "in_flight": state.in_flight,
        "duration_seconds": _duration(run, state, at),
        "failures": state.failures[:MOST_FAILURES],
        "environment": _environment(run.environment or TestEnvironment(), state),
    }


def _duration(run: TestRun, state: StreamState, at: datetime | None) -> float | None:
    """Return the seconds until `at` of a run that has no end; without a session it began with its process."""
    if state.session is not None or at is None:
        return state.duration_seconds(at)
    return max(0.0, (at - run.started_at).total_seconds())


def _environment(environment: TestEnvironment, state: StreamState) -> TestEnvironment:
    found: dict[str, Any] = {}
    if state.boot is not None:
        found |= {"python": state.boot.python, "pytest": state.boot.pytest}
    if state.session is not None:
        found |= {"plugins": state.session.plugins}
    return environment.model_copy(update=found)


def _progress_message(state: StreamState) -> str:
    if state.collected is None:
        return "Collecting tests"
    bad = _bad(state)
    return f"{state.finished} of {state.collected} tests" + (f", {bad} failed" if bad else "")
