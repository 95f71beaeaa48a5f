"""Lengths of time as people write them (`90d`), and the periods of a calendar."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from att.errors import Invalid

__all__ = ["length_of_time", "periods", "point_in_time", "utc_times"]

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)
_FREQUENCY = re.compile(r"(\d*)([A-Za-z]+(?:-[A-Za-z]+)?)")
_FIXED_UNITS = frozenset({"D", "h", "min", "s"})
_WITH_GAPS = frozenset({"B", "C"})
_PERIOD_NAMES = {"ME": "M", "MS": "M", "QE": "Q", "QS": "Q", "YE": "Y", "YS": "Y"}


def length_of_time(value: object, name: str) -> pd.Timedelta:
    """Return a length such as `"90d"`, `"12h"`, `"30min"` or `"2w"`; `name` is the argument that `Invalid` names."""
    if isinstance(value, timedelta):
        return pd.Timedelta(value)
    match = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2].lower() not in _UNITS:
        raise Invalid(f"{name} is a length of time such as '90d', '12h' or '2w', not {value!r}.", argument=name)
    try:
        return pd.Timedelta(seconds=float(match[1]) * _UNITS[match[2].lower()])
    except (ValueError, OverflowError):
        raise Invalid(f"{name} is too long: {value!r}.", argument=name) from None


def point_in_time(value: str | datetime, newest: pd.Timestamp, name: str) -> pd.Timestamp:
    """Return a time, or the time that lies the given length before the newest; without a zone it is taken as UTC."""
    accepted = "a length of time such as '30d', an ISO 8601 time or a datetime"
    if not isinstance(value, (str, date)):  # pandas would take a number for nanoseconds since 1970
        raise Invalid(f"{name} is {accepted}, not {value!r}.", argument=name)
    try:
        if isinstance(value, str) and _LENGTH.fullmatch(value):
            return newest - length_of_time(value, name)
        time = pd.to_datetime(value, format="ISO8601") if isinstance(value, str) else pd.Timestamp(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"{name} is {accepted}, not {value!r}.", argument=name) from error
    if pd.isna(time):
        raise Invalid(f"{name} is {accepted}, not {value!r}.", argument=name)
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


def utc_times(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return times, or ISO 8601 texts, as UTC times in microseconds; without a zone they are taken as UTC.

    Raises ValueError or TypeError for what is not a time.
    """
    times: pd.Series[Any] = pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("us")
    return times


def periods(times: pd.Series[Any], freq: str | None) -> pd.Series[Any]:
    """Return the start of the period in which each UTC time lies; without a frequency the times themselves.

    Raises `Invalid` for a frequency that pandas does not know, and for business days, between which there are gaps.
    """
    if freq is None:
        return times
    refusal = Invalid(f"{freq!r} is no frequency; use 'h', '6h', 'D', 'W', 'ME' or another one of pandas.")
    match = _FREQUENCY.fullmatch(freq) if isinstance(freq, str) else None
    number, unit = (int(match[1] or 1), match[2]) if match is not None else (0, "")
    if number < 1 or unit in _WITH_GAPS:
        raise refusal
    try:
        fixed = unit in _FIXED_UNITS
        starts: pd.Series[Any] = times.dt.floor(freq) if fixed else _calendar_periods(times, number, unit)
    except (ValueError, OverflowError) as error:
        raise refusal from error
    return starts


def _calendar_periods(times: pd.Series[Any], number: int, unit: str) -> Any:
    """Return the starts of periods of several months, weeks, ...; two months begin in January, March, and so on."""
    calendar = times.dt.tz_convert(None).dt.to_period(_PERIOD_NAMES.get(unit, unit))
    ordinals = pd.PeriodIndex(calendar).asi8 // number * number
    index: Any = pd.PeriodIndex  # partly typed
    starts = index.from_ordinals(ordinals, freq=calendar.dtype.freq).start_time
    return pd.Series(starts.tz_localize("UTC"), index=times.index)
