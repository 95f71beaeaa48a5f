"""The configured servers in the store, with what they offered last and the order in which they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.engine import Row

from att.errors import Conflict, NotFound
from att.mcp_hub.models import McpServer, McpSnapshot
from att.models import now, rewritten
from att.projects.registry import ProjectRegistry
from att.store import Store, tables

__all__ = ["Catalogue", "Entry", "Key"]

Key = tuple[str, str]
"""A project, or an empty text for the workspace, and the name of a server."""


@dataclass(frozen=True)
class Entry:
    """A configured server. `revision` changes with its settings."""

    server: McpServer
    snapshot: McpSnapshot | None
    revision: str

    @property
    def key(self) -> Key:
        return (self.server.project or "", self.server.name)


class Catalogue:
    """Reads and writes the servers; any number of threads and processes may."""

    def __init__(self, store: Store, registry: ProjectRegistry) -> None:
        self._store = store
        self._registry = registry

    def all(self) -> dict[Key, Entry]:
        """Return every server of the workspace and of all projects."""
        with self._store.read() as connection:
            return {entry.key: entry for entry in map(_entry, connection.execute(select(tables.mcp_servers)))}

    def visible(self, project: str | None) -> list[Entry]:
        """Return the servers that a project sees, or the workspace's own, in the preferred order.

        A project's server hides the workspace's of the same name. Raises NotFound for an unknown project.
        """
        with self._store.read() as connection:
            found = self._seen(connection, project)
            order = _order(connection, project)
        place = {name: number for number, name in enumerate(order)}
        return sorted(found.values(), key=lambda e: (place.get(e.server.name, len(place)), e.server.name))

    def _seen(self, connection: Connection, project: str | None) -> dict[str, Entry]:
        self._check(connection, project)
        table, scopes = tables.mcp_servers, {"", project or ""}
        rows = connection.execute(select(table).where(table.c.project.in_(scopes)).order_by(table.c.project))
        return {row.name: _entry(row) for row in rows}

    def find(self, name: str, project: str | None) -> Entry:
        """Return the server of a name that a project sees. Raises NotFound, offering close names."""
        found = {entry.server.name: entry for entry in self.visible(project)}
        if name not in found:
            raise NotFound.named("MCP server", name, found)
        return found[name]

    def add(self, server: McpServer, *, replace: bool) -> str:
        """Write a server and say whether it was `added`, `replaced` or `unchanged`.

        Raises Conflict when there is another of that name and it must not be replaced, NotFound for the project.
        """
        table, at = tables.mcp_servers, now()
        key = (table.c.project == (server.project or ""), table.c.name == server.name)
        values = {"record": server.to_json(), "updated_at": at}
        with self._store.write() as connection:
            self._check(connection, server.project)
            known = connection.execute(select(table).where(*key)).one_or_none()
            if known is None:
                row = {"project": server.project or "", "name": server.name, "created_at": at, **values}
                connection.execute(insert(table).values(row))
                return "added"
            if _entry(known).server == server:
                return "unchanged"
            if not replace:
                raise Conflict(
                    f"There is an MCP server {server.name!r} already. Replace it with replace=True, or choose another "
                    "name.",
                    server=server.name,
                )
            connection.execute(update(table).where(*key).values({**values, "snapshot": None}))
            return "replaced"

    def enable(self, entry: Entry, *, enabled: bool) -> None:
        """Say whether a server is to be connected."""
        table = tables.mcp_servers
        with self._store.write() as connection:
            record = connection.execute(select(table.c.record).where(*_is(entry.key))).scalar_one_or_none()
            if record is not None:
                before = McpServer.stored(record)
                record = rewritten(record, before, before.model_copy(update={"enabled": enabled}))
                connection.execute(update(table).where(*_is(entry.key)).values(record=record))

    def remove(self, name: str, project: str | None) -> None:
        """Forget a server of exactly this project, or of the workspace. Raises NotFound."""
        key = (project or "", name)
        with self._store.write() as connection:
            self._check(connection, project)
            if not connection.execute(delete(tables.mcp_servers).where(*_is(key))).rowcount:
                query = select(tables.mcp_servers.c.name).where(tables.mcp_servers.c.project == key[0])
                raise NotFound.named("MCP server", name, connection.execute(query).scalars().all())

    def prefer(self, project: str | None, names: Sequence[str]) -> None:
        """Write the preferred order. Raises NotFound for a name that is not known."""
        table, scope = tables.mcp_orders, project or ""
        with self._store.write() as connection:
            known = self._seen(connection, project)
            for name in names:
                if name not in known:
                    raise NotFound.named("MCP server", name, known)
            connection.execute(delete(table).where(table.c.project == scope))
            connection.execute(insert(table).values(project=scope, servers=[*dict.fromkeys(names)]))

    def keep(self, key: Key, snapshot: McpSnapshot) -> None:
        """Keep what a server offers; a server that was removed in between stays removed."""
        with self._store.write() as connection:
            connection.execute(
                update(tables.mcp_servers).where(*_is(key)).values(snapshot=snapshot.model_dump(mode="json"))
            )

    def _check(self, connection: Connection, project: str | None) -> None:
        """Within the transaction of what depends on it: a project may be deleted at any time."""
        if project is not None:
            self._registry.check(connection, project)


def _is(key: Key) -> tuple[Any, Any]:
    return tables.mcp_servers.c.project == key[0], tables.mcp_servers.c.name == key[1]


def _order(connection: Connection, project: str | None) -> list[str]:
    """Return the project's own order, else the workspace's."""
    table = tables.mcp_orders
    rows = connection.execute(select(table).where(table.c.project.in_(["", project or ""])).order_by(table.c.project))
    return next((list(row.servers) for row in reversed(rows.all())), [])


def _entry(row: Row[Any]) -> Entry:
    snapshot = McpSnapshot.stored(row.snapshot) if row.snapshot is not None else None
    return Entry(McpServer.stored(row.record), snapshot, row.updated_at.isoformat())
