"""Errors travel as problem documents and come back as what they were."""

from __future__ import annotations

import json

import pytest

from att import errors
from att.errors import ATTError, Conflict, NotFound, error_classes, error_from_problem


def test_codes_and_classes_are_one_to_one() -> None:
    classes = error_classes()
    assert len(classes) == len(ATTError.__subclasses__())
    exported = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert {cls.__name__ for cls in classes.values()} | {"ATTError"} == exported


@pytest.mark.parametrize("cls", error_classes().values(), ids=lambda cls: str(cls.code))
def test_an_error_comes_back_from_its_problem_document(cls: type[ATTError]) -> None:
    sent = cls("It went wrong; do this.", number=3, names=["a"])
    back = error_from_problem(json.loads(json.dumps(sent.to_problem("/api/v1/x"))))
    assert type(back) is cls
    assert (back.message, back.details) == (sent.message, sent.details)
    assert 400 <= cls.status < 600
    assert cls.exit_code > 0


def test_an_unknown_code_is_still_an_error_of_ours() -> None:
    back = error_from_problem({"code": "from_the_future", "detail": "New."})
    assert type(back) is ATTError
    assert str(back) == "New."


def test_a_misspelt_name_offers_the_close_ones() -> None:
    error = NotFound.named("project", "dmeo", ["demo", "other"])
    assert str(error) == "There is no project 'dmeo'. Did you mean 'demo'?"
    assert error.details == {"kind": "project", "name": "dmeo", "close": ["demo"]}


def test_a_title_and_type_follow_from_the_class() -> None:
    assert Conflict("x").to_problem() == {
        "type": "urn:att:error:conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "x",
        "code": "conflict",
        "details": {},
    }
