"""Ending a following from another thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from att.client.session import Session
from att.client.stopping import Stop
from att.models import Page
from att.operations import REGISTRY
from tests.client.conftest import NewId
from tests.support.waiting import eventually


def test_a_following_that_waits_for_something_new_ends_when_another_thread_says_so(
    s: Session, new_id: NewId, folder: Path
) -> None:
    project, stop = s.project(new_id(), path=folder), Stop()
    seen: list[Page] = []
    project.update(title="read before it waits")

    def follow() -> None:
        pages = s.transport.pages(REGISTRY["project.events"], {"project": project.id}, None, stop)
        seen.extend(page for page in pages if page is not None)

    thread = threading.Thread(target=follow)
    thread.start()
    eventually(lambda: seen)
    began = time.monotonic()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert time.monotonic() - began < 10  # a stream's heartbeat comes every 15 s


def test_a_hook_is_called_once_when_the_signal_comes_inside_and_never_outside() -> None:
    stop, called = Stop(), []
    with stop.interrupting(lambda: called.append("before")):
        pass
    with stop.interrupting(lambda: called.append("inside")):
        stop.set()
        stop.set()
    with stop.interrupting(lambda: called.append("after")):
        pass
    assert called == ["inside", "after"]
    assert stop.wait(0)
