"""The files of a run that was imported from several."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of the files."""
    op.create_table(
        "test_reports",
        sa.Column("project", sa.String(63), primary_key=True),
        sa.Column("digest", sa.String(128), primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("test_runs.run", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("test_reports_by_run", "test_reports", ["run"])
