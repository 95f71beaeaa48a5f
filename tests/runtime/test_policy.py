"""The restart policy as a pure function: delays, windows, crash loops, forgiveness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from att.runtime.models import ExitRecord, RestartPolicy
from att.runtime.policy import Record, Verdict, after_end, delay_seconds, forgive, is_failure
from att.runtime.timings import Timings

AT = datetime(2026, 1, 1, tzinfo=UTC)
TIMINGS = Timings()
NONE = Record()


def verdict(policy: RestartPolicy, record: Record = NONE, *, failed: bool = True, forced: bool = False) -> Verdict:
    return after_end(policy, record, failed=failed, forced=forced, at=AT, timings=TIMINGS, chance=lambda: 0.5)


def seconds_ago(*seconds: float) -> tuple[datetime, ...]:
    return tuple(AT - timedelta(seconds=each) for each in seconds)


@pytest.mark.parametrize(
    ("policy", "failed", "restarts"),
    [
        ("never", True, False),
        ("never", False, False),
        ("on_failure", True, True),
        ("on_failure", False, False),
        ("always", True, True),
        ("always", False, True),
    ],
)
def test_the_policy_says_which_ends_are_followed_by_a_start(
    policy: RestartPolicy, failed: bool, restarts: bool
) -> None:
    assert verdict(policy, failed=failed).restart is restarts


@pytest.mark.parametrize("policy", ["never", "on_failure", "always"])
def test_a_run_that_a_probe_gave_up_is_restarted_under_every_policy(policy: RestartPolicy) -> None:
    assert verdict(policy, failed=False, forced=True).restart
    assert len(verdict(policy, failed=False, forced=True).record.failures) == 1


def test_delays_double_up_to_a_minute() -> None:
    assert [delay_seconds(n, TIMINGS, lambda: 0.5) for n in (0, 1, 2, 5, 6, 1000)] == [1, 2, 4, 32, 60, 60]


def test_delays_are_jittered_by_a_fifth() -> None:
    assert delay_seconds(3, TIMINGS, lambda: 0.0) == pytest.approx(6.4)
    assert delay_seconds(3, TIMINGS, lambda: 1.0) == pytest.approx(9.6)


def test_the_fifth_failure_within_the_window_is_a_crash_loop() -> None:
    given_up = verdict("on_failure", Record(seconds_ago(119, 90, 60, 30), 4))
    assert (given_up.crash_loop, given_up.restart, len(given_up.record.failures)) == (True, False, 5)


def test_failures_before_the_window_do_not_count() -> None:
    going_on = verdict("on_failure", Record(seconds_ago(120, 90, 60, 30), 4))
    assert (going_on.crash_loop, going_on.restart, len(going_on.record.failures)) == (False, True, 4)
    assert going_on.delay_seconds == 16


def test_good_ends_under_always_grow_the_delay_but_are_no_crash_loop() -> None:
    record = Record()
    for _ in range(10):
        following = verdict("always", record, failed=False)
        assert following.restart
        record = following.record
    assert (following.delay_seconds, record.failures) == (60, ())


def test_a_healthy_minute_is_forgiveness() -> None:
    record = Record(seconds_ago(70, 80), 2)
    assert forgive(record, AT - timedelta(seconds=60), AT, TIMINGS) == Record()
    assert forgive(record, AT - timedelta(seconds=59), AT, TIMINGS) == record
    assert forgive(record, None, AT, TIMINGS) == record


def test_only_a_zero_exit_code_is_no_failure() -> None:
    def ended(code: int | None, signal: int | None = None) -> ExitRecord:
        return ExitRecord(code=code, signal=signal, reason="", started_at=AT, exited_at=AT)

    assert [is_failure(end) for end in (ended(0), ended(1), ended(None, 9), ended(None), None)] == [
        False,
        True,
        True,
        True,
        True,
    ]
