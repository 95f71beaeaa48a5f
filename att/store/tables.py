"""Tables of the store, as SQLAlchemy Core sees them; the migrations make them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Dialect, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

__all__ = ["UtcTime", "events", "metadata", "projects", "restarts", "runtime"]


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time as sortable ISO text with microseconds."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("record", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

runtime = Table(
    "runtime",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("desired", String(16), nullable=False),
    Column("snapshot", JSON, nullable=False),
    Column("observed_at", UtcTime, nullable=False),
)
"""Latest known state of each project; `desired` is written before any signal is sent."""

restarts = Table(
    "restarts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project", String(63), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("record", JSON, nullable=False),
    Index("restarts_by_project", "project", "id"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("project", String(63)),
    Column("run_id", String(64)),
    Column("data", Text, nullable=False),
    Index("events_by_project", "project", "id"),
    sqlite_autoincrement=True,
)
