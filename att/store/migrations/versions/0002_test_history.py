"""Test history: runs, names of tests, and one block of results a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the test history."""
    op.create_table(
        "test_runs",
        sa.Column("run", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        *(sa.Column(name, sa.Float) for name in ("duration_seconds", "coverage")),
        *(sa.Column(name, sa.String(16)) for name in ("status", "source", "shard")),
        *(sa.Column(name, sa.Boolean) for name in ("complete", "dirty")),
        *(sa.Column(name, sa.Integer) for name in ("returncode", "signal", "cpus", "tests_collected")),
        *(sa.Column(name, sa.Integer) for name in ("passed", "failed", "skipped", "errors", "xfailed", "xpassed")),
        *(sa.Column(name, sa.Integer) for name in ("rerun", "deselected", "warnings", "subtests")),
        *(sa.Column(name, sa.Text) for name in ("suite", "branch", "commit", "python", "pytest", "os", "host")),
        *(sa.Column(name, sa.Text) for name in ("ci_url", "markers", "keyword")),
        sa.Column("parent", sa.String(64)),
        sa.Column("digest", sa.String(128)),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("args", "plugins", "in_flight", "workers")),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("run_id", name="test_runs_by_run_id"),
        sa.UniqueConstraint("project", "digest", name="test_runs_by_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("test_runs_by_time", "test_runs", ["project", "started_at", "run"])
    op.create_table(
        "tests",
        sa.Column("test", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("nodeid", sa.Text, nullable=False),
        sa.Column("resolved", sa.Boolean, nullable=False),
        sa.UniqueConstraint("project", "name", name="tests_by_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "test_blocks",
        sa.Column("run", sa.Integer, sa.ForeignKey("test_runs.run", ondelete="CASCADE"), primary_key=True),
        sa.Column("part", sa.String(16), primary_key=True),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
