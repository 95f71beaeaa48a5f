"""Reads a stream of server-sent events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["ServerSentEvent", "read_events"]


@dataclass(frozen=True)
class ServerSentEvent:
    """One event; a keep-alive comes as one without data. `id` is the last one that the stream has named."""

    kind: str
    data: str
    id: str | None


def read_events(lines: Iterable[str]) -> Iterator[ServerSentEvent]:
    """Yield the events in the lines of a stream, as the HTML standard reads them."""
    kind, data, last_id = "message", [], None
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            last_id = value
        elif not line:
            yield ServerSentEvent(kind, "\n".join(data), last_id)
            kind, data = "message", []
