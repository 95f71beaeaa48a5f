"""Expressions that people give are answered in no time, whatever they are; what cannot be used says why."""

from __future__ import annotations

import pytest

from att.errors import Invalid
from att.expressions import Expression

LONG = "a" * 200_000


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "^(?:a?){30}a{30}b", "(a*)*(a*)*(a*)*b", "(.*)*!!"])
def test_what_backtracks_for_ever_elsewhere_ends(pattern: str) -> None:
    assert not Expression(pattern, "match").matches(f"{LONG}!")


def test_groups_are_found_by_name_and_empty_where_they_take_no_part() -> None:
    expression = Expression(r"(?P<branch>[^/]+)/(?P<commit>\w+)?", "match")
    assert expression.groups == ["branch", "commit"]
    assert expression.search("ci/main/abc") == {"branch": "ci", "commit": "main"}
    assert expression.search("main/-") == {"branch": "main", "commit": ""}
    assert expression.search("none") is None


def test_an_expression_without_groups_finds_none() -> None:
    assert Expression("a", "match").search("a") is None


@pytest.mark.parametrize(("text", "found"), [("ok", True), ("ok\n", True), ("ok\n\n", False), ("not ok", False)])
def test_the_end_is_before_a_last_newline_too(text: str, found: bool) -> None:
    assert Expression("^ok$", "body_pattern").matches(text) is found
    assert (Expression("^(?P<a>ok)$", "match").search(text) is not None) is found


def test_texts_that_no_encoding_can_hold_are_searched() -> None:
    assert Expression("udcff", "match").matches("a\udcff")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing"),
        ("a(?=b)", "look-ahead"),
        (r"(?P<a>b)(?P=a)", "back-references"),
        ("a{5000}", "repetition"),
        ("((((a{90}){90}){90}){90}){90}", "repetition"),
        ("\udcff", "RE2"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_argument_and_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        Expression(pattern, "match")
    assert refused.value.message.startswith("match is no regular expression that can be used: ")
    assert refused.value.details["argument"] == "match"
