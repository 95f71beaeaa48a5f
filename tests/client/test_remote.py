"""Operations as methods: signature, docstring, and what is refused."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_overloads

import pytest

from att.client.groups import Projects
from att.client.remote import declared_by
from att.client.session import Session
from att.client.stopping import Stop
from att.models import Page
from att.operations import Operation, operation_of
from att.projects.models import ProjectSettings
from att.projects.operations import ProjectOperations
from att.runtime.operations import RuntimeOperations


class Recorder:
    """A transport that keeps what it is asked, and answers nothing."""

    mode = "embedded"
    where = "nowhere"

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.closed = 0

    def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        self.asked.append((operation.name, dict(given)))

    def pages(
        self, operation: Operation, given: Mapping[str, Any], tick_seconds: float | None, stop: Stop | None = None
    ) -> Iterator[Page]:
        self.asked.append((operation.name, dict(given)))
        return iter(())

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def session(recorder: Recorder) -> Session:
    return Session(recorder)  # type: ignore[arg-type]


def test_the_project_is_bound_and_left_out_of_the_signature(session: Session, recorder: Recorder) -> None:
    read = session.handle("demo").logs.read
    assert list(inspect.signature(read).parameters) == ["cursor", "limit", "stream", "since", "tail", "run", "probes"]
    read(limit=3)
    assert recorder.asked == [("runtime.logs", {"project": "demo", "limit": 3})]


def test_unpacked_keywords_are_written_out_for_completion(session: Session) -> None:
    update = inspect.signature(session.handle("demo").update)
    assert set(update.parameters) == set(ProjectSettings.__annotations__)
    assert {p.kind for p in update.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    create = inspect.signature(session.projects.create)
    assert set(ProjectSettings.__annotations__) < set(create.parameters)


def test_the_docstring_is_the_operations(session: Session) -> None:
    declared = operation_of(RuntimeOperations.start)
    assert inspect.getdoc(session.handle("demo").runtime.start) == declared.doc
    assert inspect.getdoc(session.projects.create) == operation_of(ProjectOperations.create).doc


def test_what_the_caller_acts_on_stays_here(session: Session, recorder: Recorder) -> None:
    session.handle("demo").runtime.start(wait="healthy", timeout=3)
    assert recorder.asked == [("runtime.start", {"project": "demo"})]


def test_an_unknown_keyword_is_a_type_error_as_python_has_it(session: Session) -> None:
    with pytest.raises(TypeError, match="comand"):
        session.handle("demo").update(comand=["a"])  # type: ignore[call-arg]


@pytest.mark.parametrize("method", ["create", "download"])
def test_methods_written_by_hand_take_what_their_operation_takes(method: str) -> None:
    written = getattr(Projects, method)
    declared = declared_by(written)
    assert declared is not None
    for overload in get_overloads(written):
        taken = [p.name for p in inspect.signature(overload).parameters.values() if p.name not in ("self", "settings")]
        assert taken + list(ProjectSettings.__annotations__) == list(declared.parameters)


def test_a_forgotten_session_closes_its_transport_at_once(recorder: Recorder) -> None:
    session = Session(recorder)  # type: ignore[arg-type]
    project = session.handle("demo")
    session.health()
    project.runtime.status()
    del session
    assert recorder.closed == 0
    del project
    assert recorder.closed == 1


def test_closing_twice_closes_once(recorder: Recorder) -> None:
    with Session(recorder) as session:  # type: ignore[arg-type]
        session.close()
    assert recorder.closed == 1
