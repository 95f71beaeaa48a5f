"""Base classes of the values that travel between surfaces: models, pages and long runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

__all__ = ["PATTERNS", "Model", "Page", "Run", "RunState", "Timestamp", "allowing", "now", "rewritten"]

PATTERNS: dict[str, str] = {}
"""What the patterns of arguments allow, in words, for who is refused."""


def allowing(words: str, pattern: str) -> str:
    """Return a pattern for `Field` after noting down what it allows, in words."""
    PATTERNS[pattern] = words
    return pattern


@lru_cache(1024)  # what is printed in bulk, such as lines of a log, has few different times
def _isoformat(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Timestamp = Annotated[AwareDatetime, PlainSerializer(_isoformat, return_type=str, when_used="json")]
"""An aware UTC time."""

RunState = Literal["running", "succeeded", "failed", "cancelled"]


def now() -> datetime:
    """Return the current aware UTC time."""
    return datetime.now(UTC)


class Model(BaseModel):
    """A value that travels: immutable, and strict about unknown fields.

    Its repr is one line of the fields that say something, `str` what a person sees of it.
    """

    printer: ClassVar[Callable[[Any], str]] = repr
    """Writes `str`. The client, which stands above and has the views, puts its own here."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        room = _REPR_LENGTH
        for name, value in _telling(self):
            words = _Words(_brief(value))
            room -= len(name) + len(words) + 3
            if room < 0:
                yield None, _Words("…")
                return
            yield name, words

    def __str__(self) -> str:
        return Model.printer(self)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types, as it goes over the wire."""
        return self.model_dump(mode="json")

    @classmethod
    def stored(cls, record: Any) -> Self:
        """Read a stored value, which may have fields of a later ATT. Raises ValidationError for one without sense."""
        return cls.model_validate(record, extra="ignore")


def rewritten(record: Mapping[str, Any], before: Model, after: Model) -> dict[str, Any]:
    """Return a stored record with what differs between two values; what only a later ATT knows in it stays."""
    old, new = before.to_json(), after.to_json()
    return {**record, **{name: value for name, value in new.items() if name not in record or value != old[name]}}


_REPR_LENGTH = 300
_TEXT_LENGTH = 60
_SCALARS = (bool, int, float, str, datetime, type(None))


class _Words(str):
    """Text that is its own repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _telling(value: Model) -> Iterator[tuple[str, Any]]:
    """Give the fields that differ from their defaults; of a page what is in it first."""
    fields = type(value).model_fields
    for name in sorted(fields, key=lambda name: name in Page.model_fields):
        content = value.__dict__.get(name)  # a value that is not made to the end has not all of them
        if fields[name].repr and content not in (None, "", [], {}, ()) and content != fields[name].default:
            yield name, content


def _brief(value: Any) -> str:
    """Write a value in a few words; of a model in it two fields, of a long sequence how many and of what."""
    if isinstance(value, Model):
        told = [f"{name}={_brief(content)}" for name, content in _telling(value) if isinstance(content, _SCALARS)]
        return f"{type(value).__name__}({', '.join(told[:2])})"
    if isinstance(value, datetime):
        return f"{_isoformat(value)[:19]}Z"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and len(value) > _TEXT_LENGTH:
        return repr(f"{value[: _TEXT_LENGTH - 1]}…")
    if isinstance(value, list | tuple | dict):
        drawn = repr(value) if len(value) <= 3 else ""
        kinds = ["keys"] if isinstance(value, dict) else [type(item).__name__ for item in value[:1]]
        return f"[{len(value)} {''.join(kinds)}]" if not drawn or len(drawn) > _TEXT_LENGTH else drawn
    return repr(value)


class Page(Model):
    """A piece of a sequence that can be followed: ask again from `cursor`."""

    items_field: ClassVar[str] = "items"
    """Name of the field that holds the elements."""

    cursor: str | None = Field(description="Where to go on reading.")
    has_more: bool = Field(description="More can be read right now.")


class Run(Model):
    """A piece of long work. Returning one makes an operation long: REST answers 202 with a Location."""

    status_operation: ClassVar[str]
    """Name of the operation that reads this run again."""
    cancel_operation: ClassVar[str]
    """Name of the operation that cancels it."""

    project: str
    run_id: str
    state: RunState
    started_at: Timestamp
    ended_at: Timestamp | None = None
    progress: float | None = Field(default=None, ge=0, le=1, description="Share that is done; null when unknown.")
    message: str = Field(default="", description="What is happening, in one line.")
