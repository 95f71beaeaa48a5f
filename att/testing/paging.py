"""Pages over the outcomes of a run: the cursor says how many of each shard were given out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from att.errors import Invalid
from att.testing.models import MOST_SHARDS, Outcome, TestOutcome, TestOutcomePage

__all__ = ["Position", "page_of"]

_CURSOR = re.compile(rf"([0-9A-Za-z-]{{8,64}}):((?:[0-9a-v]{{0,6}}\.){{0,{MOST_SHARDS - 1}}}[0-9a-v]{{0,6}})")
_DIGITS = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True)
class Position:
    """A place in the outcomes of a run. Within a shard their order never changes, also while the run goes on."""

    run_id: str
    given: tuple[int, ...] = ()

    @classmethod
    def parse(cls, cursor: str, run_id: str | None) -> Position:
        """Read a cursor. Raises Invalid for one of something else."""
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise Invalid(f"{cursor!r} is not a cursor of test results; pass back that of a page.", cursor=cursor)
        if run_id not in (None, found[1]):
            raise Invalid(f"The cursor belongs to run {found[1]}, not to {run_id}; leave one of them out.")
        return cls(found[1], tuple(int(part or "0", 32) for part in found[2].split(".")))

    def __str__(self) -> str:
        return f"{self.run_id}:{'.'.join(map(_base32, self.given))}"


def page_of(
    shards: Sequence[Sequence[TestOutcome]], at: Position, wanted: Sequence[Outcome] | None, limit: int
) -> TestOutcomePage:
    """Return up to `limit` outcomes from a position on, shard by shard; those that are not wanted are passed over."""
    given = [*at.given, *([0] * len(shards))][: max(1, len(shards))]
    page: list[TestOutcome] = []
    for index, outcomes in enumerate(shards):
        while given[index] < len(outcomes) and len(page) < limit:
            outcome = outcomes[given[index]]
            given[index] += 1
            if not wanted or outcome.outcome in wanted:
                page.append(outcome)
    more = any(count < len(outcomes) for count, outcomes in zip(given, shards, strict=False))
    return TestOutcomePage(outcomes=page, cursor=str(Position(at.run_id, tuple(given))), has_more=more)


def _base32(number: int) -> str:
    digits = ""
    while number:
        number, last = divmod(number, 32)
        digits = _DIGITS[last] + digits
    return digits or "0"
