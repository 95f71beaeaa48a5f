"""Tokens of projects: each lets the project's own processes reach ATT over MCP, for that project only."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from att.errors import Internal, NotFound, PermissionDenied, Unauthenticated
from att.locking import LOCK_EX, flock

if TYPE_CHECKING:
    from att.projects.models import Project
    from att.projects.registry import ProjectRegistry

__all__ = ["TOKEN_VARIABLE", "URL_VARIABLE", "Grants", "grant_variables", "is_project_token"]

TOKEN_VARIABLE = "ATT_PROJECT_TOKEN"  # noqa: S105 - a name
URL_VARIABLE = "ATT_MCP_URL"
_MARK = "att-project"
_KEY_BYTES = 32


def is_project_token(text: str) -> bool:
    """Say whether a text is written like the token of a project; it may be of none."""
    return text.startswith(f"{_MARK}.")


def grant_variables(project: Project, token: str, url: str) -> Mapping[str, str]:
    """Return what a process is told: where MCP is, and its token. Settings that name one of the two stand alone.

    A token never goes where a person has pointed the process to.
    """
    names = (TOKEN_VARIABLE, URL_VARIABLE)
    return {} if any(name in project.env for name in names) else dict(zip(names, (token, url), strict=True))


class Grants:
    """Makes and checks the tokens of the projects of one data directory. Nothing but the key is kept.

    A token is the HMAC-SHA256 (RFC 2104) of the project's id and of the time of its grant, under a key in the data
    directory that only its user reads. It is the same in every process and after a restart; a grant that is taken
    back, or made anew, ends it. Methods may be called from any thread.
    """

    def __init__(self, registry: ProjectRegistry) -> None:
        self._registry = registry
        self._file = registry.folder / "grants.key"

    def token(self, project: Project) -> str:
        """Return the project's token. Raises PermissionDenied when it is granted none."""
        if not project.grant_token or project.granted_at is None:
            raise PermissionDenied(f"The project {project.id!r} has no token; set grant_token.", project=project.id)
        text = f"{project.id} {project.granted_at.isoformat(timespec='microseconds')}"
        return f"{_MARK}.{project.id}.{hmac.digest(self._key(), text.encode(), hashlib.sha256).hex()}"

    def project_of(self, token: str) -> str:
        """Return the id of the project that a token is of. Raises Unauthenticated when it is of none, or no more."""
        named = token.removeprefix(f"{_MARK}.").partition(".")[0]
        try:
            right = self.token(self._registry.get(named))
        except (NotFound, PermissionDenied):
            raise _refused() from None
        if not hmac.compare_digest(token.encode(), right.encode()):
            raise _refused()
        return named

    def _key(self) -> bytes:
        """Read the key, which the first who needs it makes. Raises Internal when the file holds something else."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(self._file, flags, 0o600), "r+b") as file:
            flock(file.fileno(), LOCK_EX)
            key = file.read()
            if not key:
                key = secrets.token_bytes(_KEY_BYTES)
                file.write(key)
        if len(key) != _KEY_BYTES:
            raise Internal(f"{self._file} is damaged; delete it, and restart the projects that have a token.")
        return key


def _refused() -> Unauthenticated:
    return Unauthenticated("This token is of no project, or was taken back; restart the project to give it another.")
