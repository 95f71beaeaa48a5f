"""Tables of the store, as SQLAlchemy Core sees them; the migrations make them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

__all__ = [
    "UtcTime",
    "events",
    "mcp_orders",
    "mcp_servers",
    "metadata",
    "projects",
    "restarts",
    "runtime",
    "test_blocks",
    "test_reports",
    "test_runs",
    "tests",
]


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

test_runs = Table(
    "test_runs",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(64), nullable=False),
    Column("project", String(63), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("duration_seconds", Float),
    Column("status", String(16)),
    Column("returncode", Integer),
    Column("signal", Integer),
    Column("complete", Boolean),
    Column("passed", Integer),
    Column("failed", Integer),
    Column("skipped", Integer),
    Column("errors", Integer),
    Column("xfailed", Integer),
    Column("xpassed", Integer),
    Column("rerun", Integer),
    Column("deselected", Integer),
    Column("warnings", Integer),
    Column("subtests", Integer),
    Column("tests_collected", Integer),
    Column("suite", Text),
    Column("branch", Text),
    Column("commit", Text),
    Column("dirty", Boolean),
    Column("source", String(16)),
    Column("python", Text),
    Column("pytest", Text),
    Column("os", Text),
    Column("host", Text),
    Column("cpus", Integer),
    Column("ci_url", Text),
    Column("coverage", Float),
    Column("parent", String(64)),
    Column("shard", String(16)),
    Column("markers", Text),
    Column("keyword", Text),
    Column("args", JSON, nullable=False),
    Column("plugins", JSON, nullable=False),
    Column("in_flight", JSON, nullable=False),
    Column("workers", JSON, nullable=False),
    Column("digest", String(128)),
    Column("detail", Text, nullable=False),
    UniqueConstraint("run_id", name="test_runs_by_run_id"),
    UniqueConstraint("project", "digest", name="test_runs_by_digest"),
    Index("test_runs_by_time", "project", "started_at", "run"),
    sqlite_autoincrement=True,
)
"""Ended test runs. A count is null when the source cannot know it; `workers` are the names of the numbers in the run's
block, `digest` is that of an imported file, and `detail` is the run as it travels."""

tests = Table(
    "tests",
    metadata,
    Column("test", Integer, primary_key=True, autoincrement=True),
    Column("project", String(63), nullable=False),
    Column("name", Text, nullable=False),
    Column("nodeid", Text, nullable=False),
    Column("resolved", Boolean, nullable=False),
    UniqueConstraint("project", "name", name="tests_by_name"),
    sqlite_autoincrement=True,
)
"""Names of tests by the number that blocks hold: `name` as it was reported, `nodeid` as it is shown."""

test_blocks = Table(
    "test_blocks",
    metadata,
    Column("run", Integer, ForeignKey("test_runs.run", ondelete="CASCADE"), primary_key=True),
    Column("part", String(16), primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""The results and failures of each run: one compressed Arrow IPC message, as it goes over the wire."""

test_reports = Table(
    "test_reports",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("digest", String(128), primary_key=True),
    Column("run", Integer, ForeignKey("test_runs.run", ondelete="CASCADE"), nullable=False),
    Index("test_reports_by_run", "run"),
)
"""The files of runs that were imported from several. The digest of a single file is in the row of its run."""

mcp_servers = Table(
    "mcp_servers",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("record", JSON, nullable=False),
    Column("snapshot", JSON(none_as_null=True)),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)
"""External MCP servers; an empty project is the workspace. `snapshot` is what a server offered last."""

mcp_orders = Table(
    "mcp_orders",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("servers", JSON, nullable=False),
)
"""Which servers a project, or the workspace, asks first."""
