"""One declaration carries everything that the surfaces need."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, TypedDict, Unpack

import pytest
from pydantic import Field

import att.domains  # noqa: F401 - completes the registry
from att.errors import Conflict, Invalid, NotFound
from att.models import PATTERNS, Model, Page, Run
from att.operations import (
    REGISTRY,
    CallerSide,
    Cursor,
    Limit,
    Operation,
    Operations,
    ProjectId,
    operation,
    operation_of,
)


class Options(TypedDict, total=False):
    size: Annotated[int | None, Field(ge=1, description="How large.")]
    name: str


class Item(Model):
    given: dict[str, int | str | None]


class ItemPage(Page):
    items: list[int]


class Which(TypedDict, total=False):
    size: Annotated[int, Field(default=7)]
    name: Annotated[str | None, Field(default=None)]


class Making(Run):
    status_operation: ClassVar[str] = "sample.state"
    cancel_operation: ClassVar[str] = "sample.stop"


@pytest.fixture(scope="module")
def sample() -> Iterator[Operations]:
    """A domain of its own, taken out of the registry again at the end."""
    before = dict(REGISTRY)

    class SampleOperations(Operations):
        @operation("sample.make", post="/projects/{project}/sample", errors=(Conflict,))
        def make(
            self, project: ProjectId, wait: Annotated[bool, CallerSide()] = True, **options: Unpack[Options]
        ) -> Making | Item:
            """Make a sample.

            At length.
            """
            return Item(given={"project": project, **options})

        @operation("sample.read", get="/projects/{project}/sample")
        def read(self, project: ProjectId, cursor: Cursor = None, limit: Limit = 3) -> ItemPage:
            """Read samples."""
            return ItemPage(items=[limit], cursor=cursor, has_more=False)

        @operation("sample.count", get="/projects/{project}/sample/count")
        def count(self, project: ProjectId, limit: Limit = 3, **which: Unpack[Which]) -> ItemPage:
            """Count samples."""
            return ItemPage(items=[limit, which.get("size", -1)], cursor=which.get("name"), has_more=False)

        @operation("sample.state", get="/projects/{project}/sample/state")
        def state(self, project: ProjectId) -> Making:
            """Read the making."""
            raise NotImplementedError

    made = SampleOperations()
    yield made
    REGISTRY.clear()
    REGISTRY.update(before)


def declared(sample: Operations, name: str) -> Operation:
    return operation_of(getattr(sample, name))


def test_the_function_stays_as_it_was_written(sample: Operations) -> None:
    assert sample.make("demo", size=3) == Item(given={"project": "demo", "size": 3})  # type: ignore[attr-defined]


def test_keywords_of_a_typed_dict_become_arguments_that_may_be_left_out(sample: Operations) -> None:
    make = declared(sample, "make")
    assert [(p.name, p.location, p.required, p.omittable, p.caller_side) for p in make.parameters.values()] == [
        ("project", "path", True, False, False),
        ("wait", "body", False, False, True),
        ("size", "body", False, True, False),
        ("name", "body", False, True, False),
    ]
    assert make.parameters["size"].description == "How large."


def test_keywords_of_a_typed_dict_with_a_default_have_it(sample: Operations) -> None:
    count = declared(sample, "count")
    assert [(p.name, p.default, p.required, p.omittable) for p in count.parameters.values()][1:] == [
        ("limit", 3, False, False),
        ("size", 7, False, False),
        ("name", None, False, False),
    ]
    assert count.call(sample, count.validate({"project": "demo"})) == ItemPage(
        items=[3, 7], cursor=None, has_more=False
    )
    with pytest.raises(Invalid, match="size"):
        count.validate({"project": "demo", "size": None})


def test_leaving_out_and_giving_null_are_different(sample: Operations) -> None:
    make = declared(sample, "make")
    assert make.call(sample, make.validate({"project": "demo"})).given == {"project": "demo"}
    assert make.call(sample, make.validate({"project": "demo", "size": None})).given == {
        "project": "demo",
        "size": None,
    }


def test_what_the_caller_acts_on_never_goes_over_the_wire(sample: Operations) -> None:
    with pytest.raises(Invalid, match=r"wait: this is for the Python client and the command line, .* leave it out"):
        declared(sample, "make").validate({"project": "demo", "wait": True})


def test_who_wants_to_wait_over_the_wire_is_told_where_to_read_the_run_again() -> None:
    with pytest.raises(Invalid, match=r"wait: .* leave it out, and read the run again at the Location of the answer"):
        REGISTRY["test.run"].validate({"project": "demo", "wait": True})


def test_every_wrong_argument_is_named_with_what_it_should_be(sample: Operations) -> None:
    with pytest.raises(Invalid) as caught:
        declared(sample, "make").validate({"project": "No!", "size": 0, "colour": "red"})
    assert [p["argument"] for p in caught.value.details["problems"]] == ["project", "size", "colour"]
    assert "an id is a-z, 0-9" in caught.value.message


def test_following_and_long_work_are_derived_from_the_result(sample: Operations) -> None:
    assert declared(sample, "read").followable
    assert not declared(sample, "make").followable
    assert declared(sample, "make").long
    assert not declared(sample, "state").long, "reading a run again is not starting one"


def test_errors_that_follow_from_the_shape_are_implied(sample: Operations) -> None:
    assert declared(sample, "make").declared_errors == (Invalid, NotFound, Conflict)


def test_names_and_addresses_follow_from_the_name(sample: Operations) -> None:
    make = declared(sample, "make")
    assert (make.group, make.verb, make.cli, make.python) == ("sample", "make", "sample make", "p.sample.make")
    assert make.summary == "Make a sample."


def test_a_name_can_be_declared_once_only(sample: Operations) -> None:
    with pytest.raises(ValueError, match="declared twice"):

        class Again(Operations):
            @operation("sample.read", get="/again")
            def read(self) -> Item:
                """Read again."""
                raise NotImplementedError


def test_an_operation_has_exactly_one_route() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        operation("sample.none")
    with pytest.raises(ValueError, match="exactly one"):
        operation("sample.two", get="/a", post="/b")


def test_route_parameters_never_share_a_position_with_fixed_words() -> None:
    """`/projects/{project}/x` beside `/projects/archive/x` would make one of them unreachable."""
    paths = {(o.method, tuple(o.path.strip("/").split("/"))) for o in REGISTRY.values()}
    for method, parts in paths:
        for other_method, others in paths:
            if method == other_method and len(parts) == len(others) and parts != others:
                fork = next((a, b) for a, b in zip(parts, others, strict=True) if a != b)
                assert not any(word.startswith("{") for word in fork), (parts, others)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_operation_is_documented_and_its_schemas_can_be_made(name: str) -> None:
    declared = REGISTRY[name]
    assert re.match(r"[A-Z].*\.$", declared.summary)
    assert declared.arguments_model.model_json_schema()["type"] == "object"
    assert declared.result_adapter.json_schema()
    assert set(re.findall(r"{(\w+)}", declared.path)) <= set(declared.parameters)


def test_declarations_load_nothing_heavy() -> None:
    """A kernel that only speaks HTTP imports these."""
    heavy = {"sqlalchemy", "alembic", "pandas", "pyarrow", "psutil", "httpx", "tornado", "mcp"}
    code = "import sys, att.domains; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from _patterns(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _patterns(part)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_pattern_of_an_argument_is_told_in_words(name: str) -> None:
    assert [p for p in _patterns(REGISTRY[name].arguments_model.model_json_schema()) if p not in PATTERNS] == []


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        (
            "project.create",
            {"id": "My App"},
            "id: not allowed; an id is a-z, 0-9, '-' and '_', begins with a letter or digit, and has at most 63",
        ),
        (
            "project.update",
            {"project": "demo", "env": {"1x": ""}},
            "env.1x: not allowed; a variable's name is letters,",
        ),
    ],
)
def test_who_is_refused_by_a_pattern_is_told_what_is_allowed(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        REGISTRY[name].validate(given)
    assert said in str(caught.value)
