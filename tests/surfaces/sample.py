"""A small domain for the tests of the surfaces: numbers that can be listed, made and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypedDict, Unpack

from pydantic import Field

from att.errors import Conflict
from att.models import Model, Page, Run, now
from att.operations import REGISTRY, CallerSide, Cursor, Limit, Operation, Operations, ProjectId, operation

__all__ = ["NumberOperations", "Numbers", "call", "sample_operations"]


class Number(Model):
    value: int


class NumberPage(Page):
    items_field: ClassVar[str] = "numbers"

    numbers: list[int]
    lost: int = 0


class CountRun(Run):
    status_operation: ClassVar[str] = "sample.count_status"
    cancel_operation: ClassVar[str] = "sample.count_cancel"


class NumberSettings(TypedDict, total=False):
    label: str
    weight: int


class Numbers:
    """Holds what the sample operations work on."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self.first = 0
        self.calls: list[dict[str, Any]] = []
        self.complete = False


class NumberOperations(Operations):
    """Numbers of a project."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    @operation("sample.list", get="/sample/{project}/numbers")
    def list(
        self,
        project: ProjectId,
        cursor: Cursor = None,
        limit: Limit = 3,
        only: Annotated[list[int] | None, Field(max_length=5)] = None,
        tail: int | None = None,
        even: bool = False,
    ) -> NumberPage:
        """List the numbers."""
        self.numbers.calls.append({"cursor": cursor, "tail": tail, "only": only, "even": even})
        start = int(cursor) if cursor is not None else max(0, len(self.numbers.values) - tail) if tail else 0
        found = self.numbers.values[start : start + limit]
        end = start + len(found)
        more = end < len(self.numbers.values)
        last = None if self.numbers.complete and not more else str(end)
        return NumberPage(numbers=found, cursor=last, has_more=more, lost=self.numbers.first)

    @operation("sample.make", post="/sample/{project}/numbers", created=True, errors=(Conflict,))
    def make(
        self,
        project: ProjectId,
        value: int,
        wait: Annotated[bool, CallerSide()] = True,
        **settings: Unpack[NumberSettings],
    ) -> Number | CountRun:
        """Make a number; a negative one is counted down to in the background."""
        self.numbers.calls.append({"value": value, **settings})
        if value in self.numbers.values:
            raise Conflict(f"{value} is there already.")
        if value == 13:
            raise RuntimeError("secret of the implementation")
        if value < 0:
            return CountRun(project=project, run_id=f"run-{-value:08}", state="running", started_at=now())
        self.numbers.values.append(value)
        return Number(value=value)

    @operation("sample.count_status", get="/sample/{project}/counts/{run}")
    def count_status(self, project: ProjectId, run: str) -> CountRun:
        """Read a count."""
        return CountRun(project=project, run_id=run, state="succeeded", started_at=now())

    @operation("sample.replace", put="/sample/{project}/number", query=("at",))
    def replace(self, project: ProjectId, at: int, value: int) -> Number:
        """Replace a number."""
        self.numbers.values[at] = value
        return Number(value=value)

    @operation("sample.hidden", get="/sample/hidden", absent={"rest": "to see that it is left out"})
    def hidden(self) -> Number:
        """Be there, but not over REST."""
        return Number(value=0)


_SAMPLES = [name for name in REGISTRY if name.startswith("sample.")]
_OPERATIONS = {name: REGISTRY.pop(name) for name in _SAMPLES}  # other tests hold the registry to be ATT's own


def sample_operations() -> list[Operation]:
    """Return the sample's operations."""
    return list(_OPERATIONS.values())


def call(numbers: Numbers) -> Callable[[Operation, Mapping[str, Any]], Any]:
    """Return what a surface calls operations with."""
    target = NumberOperations(numbers)
    return lambda operation, given: operation.call(target, operation.validate(given))
