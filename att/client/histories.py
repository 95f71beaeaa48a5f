"""Fetch a test history into the kernel: its parts as Arrow streams, and the frames made of them here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from att.client.progress import progress
from att.surfaces.handwritten import HistoryArguments, ProjectHistoryArguments
from att.surfaces.rest import validated

if TYPE_CHECKING:
    from att.client.session import Session
    from att.testing.history.history import History
    from att.testing.history.records import Part

__all__ = ["fetch_history"]


def fetch_history(
    session: Session,
    project: str | None,
    since: str | datetime | None,
    until: str | datetime | None,
    branch: str | None,
    suite: str | None,
) -> History:
    """Return the history of a project, or of all of them.

    Raises NotFound for a project that is not there, and Invalid for a time that cannot be read.
    """
    from att.testing.history.frames import assemble
    from att.testing.history.history import History
    from att.testing.history.selecting import asked, selection

    chosen = selection(project, since, until, branch, suite)
    # The same times for every part: a length of time would move on between them.
    given: Mapping[str, Any] = {
        "since": "all" if chosen.since is None else chosen.since.isoformat(),
        "until": None if chosen.until is None else chosen.until.isoformat(),
        "branch": branch,
        "suite": suite,
        **({} if project is None else {"project": project}),
    }
    model = HistoryArguments if project is None else ProjectHistoryArguments
    received = 0
    with progress(f"history of {project or 'all projects'}") as show:

        def read(part: Part) -> bytes:
            nonlocal received
            data = bytearray()
            with session.transport.history(validated(model, {**given, "part": part})) as blocks:
                for block in blocks:
                    data += block
                    received += len(block)
                    show(None, f"{part}, {received / (1 << 20):.1f} MiB")
            return bytes(data)

        frames = assemble(read)
    return History(*frames, name=project or "all projects", asked=asked(chosen))
