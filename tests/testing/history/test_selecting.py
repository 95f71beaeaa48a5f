"""What of a history is asked for: lengths of time, times, and everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from att.errors import Invalid
from att.models import now
from att.testing.history.selecting import asked, moment, selection


def test_a_length_counts_back_from_now_and_a_time_without_a_zone_is_utc() -> None:
    found = moment("90d", "since")
    assert found is not None
    assert abs(now() - timedelta(days=90) - found) < timedelta(minutes=5)
    assert moment("2026-03-01T06:00:00+02:00", "since") == datetime(2026, 3, 1, 4, tzinfo=UTC)
    assert moment("2026-03-01", "since") == datetime(2026, 3, 1, tzinfo=UTC)
    assert moment("all", "since") is None
    assert moment(None, "since") is None


def test_a_datetime_is_a_time_down_to_the_microsecond() -> None:
    assert moment(datetime(2026, 3, 1, 6, tzinfo=UTC), "since") == datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert moment("2026-03-01T00:00:00.000000001", "since") == datetime(2026, 3, 1, tzinfo=UTC)


NO_TIMES = [
    *("", "NaT", "soon", "-5d", "1", "2026-13-01", "99999999999999d", "300000000h", "1e9w", "March", "03/04/2026"),
    *(7, 7.5, True, timedelta(days=7)),
]


@pytest.mark.parametrize("value", NO_TIMES)
def test_what_is_no_time_is_named(value: Any) -> None:
    with pytest.raises(Invalid, match="until"):
        moment(value, "until")


def test_a_number_is_refused_with_what_is_accepted() -> None:
    with pytest.raises(Invalid, match="since is a length of time such as '30d', an ISO 8601 time or a datetime, not 7"):
        moment(7, "since")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_what_was_asked_is_said_in_words() -> None:
    assert asked(selection("demo", "all", None, None, None)) == ""
    chosen = selection("demo", "2026-03-01", "2026-04-01", "main", "unit")
    assert asked(chosen) == (
        "on the branch 'main' of the suite 'unit' since 2026-03-01 00:00 UTC before 2026-04-01 00:00 UTC"
    )
