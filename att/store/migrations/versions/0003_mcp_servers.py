"""External MCP servers, and the order in which they are asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the hub."""
    op.create_table(
        "mcp_servers",
        sa.Column("project", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("snapshot", sa.JSON),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "mcp_orders",
        sa.Column("project", sa.String(63), primary_key=True),
        sa.Column("servers", sa.JSON, nullable=False),
    )
