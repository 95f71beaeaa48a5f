"""Runs the migrations over the connection that the store hands in."""

from __future__ import annotations

from alembic import context

from att.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=False
)
context.run_migrations()
