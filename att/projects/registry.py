"""The register of projects in the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from att.errors import Conflict, Invalid, NotFound
from att.events.manager import EventLog
from att.models import now, rewritten
from att.projects.masking import unmasked
from att.projects.models import Project, ProjectSettings
from att.store import Store, tables
from att.store.memo import Memo

__all__ = ["ProjectRegistry"]


class ProjectRegistry:
    """Keeps each project's record, secrets included: starting needs them. The manager masks what leaves ATT."""

    def __init__(self, store: Store, events: EventLog) -> None:
        self._store = store
        self._events = events
        self._known: Memo[Project] = Memo(store)

    @property
    def folder(self) -> Path:
        """The data directory."""
        return self._store.path.parent

    def get(self, project: str) -> Project:
        """Return a project. Raises NotFound, offering close names."""
        return self._known.get(project, lambda: self._read(project))

    def _read(self, project: str) -> Project:
        with self._store.read() as connection:
            return Project.stored(_record(connection, project))

    def check(self, connection: Connection, project: str) -> None:
        """Check as part of a transaction that there is a project. Raises NotFound, offering close names."""
        _record(connection, project)

    def list(self) -> list[Project]:
        """Return every project by id."""
        with self._store.read() as connection:
            rows = connection.execute(select(tables.projects.c.record).order_by(tables.projects.c.id)).scalars().all()
        return [Project.stored(record) for record in rows]

    def add(self, project: Project) -> Project:
        """Write a new project. Raises Conflict when the id is taken."""
        row = {
            "id": project.id,
            "record": project.to_json(),
            "created_at": project.created_at,
            "updated_at": project.updated_at,
        }
        try:
            with self._store.write() as connection:
                connection.execute(insert(tables.projects).values(row))
        except IntegrityError:
            raise Conflict(
                f"There is a project {project.id!r} already. Use it, change it with update, or choose another id.",
                project=project.id,
            ) from None
        self._events.append("project.created", project=project.id)
        return project

    def change(self, project: str, settings: ProjectSettings) -> tuple[Project, Sequence[str]]:
        """Set exactly the given settings; return the project and the names of those that have another value now.

        A masked value of the environment stands for the value that is kept. Raises NotFound, and Invalid when the
        settings do not go together.
        """
        with self._store.write() as connection:
            record = _record(connection, project)
            before = Project.stored(record)
            after = _merged(before, dict(settings))
            changed = [name for name in settings if getattr(before, name) != getattr(after, name)]
            if changed:
                connection.execute(
                    update(tables.projects)
                    .where(tables.projects.c.id == project)
                    .values(record=rewritten(record, before, after), updated_at=after.updated_at)
                )
        if changed:
            self._events.append("project.updated", project=project, changed=changed)
        return after, changed

    def remove(self, project: str) -> None:
        """Forget a project; its events stay."""
        with self._store.write() as connection:
            connection.execute(delete(tables.projects).where(tables.projects.c.id == project))
            connection.execute(delete(tables.runtime).where(tables.runtime.c.project == project))
            connection.execute(delete(tables.restarts).where(tables.restarts.c.project == project))
            connection.execute(delete(tables.mcp_servers).where(tables.mcp_servers.c.project == project))
            connection.execute(delete(tables.mcp_orders).where(tables.mcp_orders.c.project == project))
        self._events.append("project.deleted", project=project)


def _record(connection: Connection, project: str) -> Any:
    record = connection.execute(
        select(tables.projects.c.record).where(tables.projects.c.id == project)
    ).scalar_one_or_none()
    if record is None:
        known = connection.execute(select(tables.projects.c.id)).scalars().all()
        raise NotFound.named("project", project, known)
    return record


def _merged(before: Project, settings: dict[str, Any]) -> Project:
    # `update` of a model would not validate, and a change must not move the time when nothing changes.
    if "env" in settings:
        settings["env"] = unmasked(settings["env"], before.env)
    at = now()
    merged = {**dict(before), **settings, "updated_at": at}
    if merged["grant_token"] != before.grant_token:
        merged["granted_at"] = at if merged["grant_token"] else None
    try:
        return Project.model_validate(merged)
    except ValueError as error:
        raise Invalid(f"The settings do not go together: {error}") from None
