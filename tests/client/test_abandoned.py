"""A following that is left in the middle holds up nothing, whenever the garbage collector ends it."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import httpcore
import pytest

from att.client.session import Session
from tests.client.conftest import NewId


def test_a_loop_that_is_left_ends_its_stream(s: Session, new_id: NewId, folder: Path) -> None:
    following = s.project(new_id(), path=folder).events.follow()
    next(following)
    gone = weakref.ref(following)
    gc.disable()
    try:
        del following
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.timeout(60)
def test_the_collector_may_end_a_stream_in_the_middle_of_a_request(
    sessions: dict[str, Session], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions["server"]
    project = session.project("abandoned", path=folder)
    kept: list[Any] = [project.events.follow()]
    next(kept[0])
    kept.append(kept)  # as a traceback holds it
    assign = httpcore.ConnectionPool._assign_requests_to_connections

    def collecting(pool: httpcore.ConnectionPool) -> Any:
        gc.collect()
        return assign(pool)

    monkeypatch.setattr(httpcore.ConnectionPool, "_assign_requests_to_connections", collecting)
    del kept
    asked = threading.Thread(target=session.health, daemon=True)
    asked.start()
    asked.join(20)
    assert not asked.is_alive()
    monkeypatch.undo()
    project.delete()
