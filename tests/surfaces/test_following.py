"""Following any operation that has a cursor."""

from __future__ import annotations

import pytest

from att.errors import Invalid
from att.operations import Operation
from att.surfaces.following import SLOWEST, Follower, elements
from tests.surfaces.sample import Numbers, call, sample_operations

LIST: Operation = next(o for o in sample_operations() if o.name == "sample.list")


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


def follow(numbers: Numbers, *, after: str | None = None, **arguments: object) -> Follower:
    given = {"project": "demo", **arguments}
    return Follower(call(numbers), LIST, given, cursor=after, interval_seconds=0.1)


def seen(follower: Follower) -> list[int] | None:
    page = follower.step()
    return None if page is None else elements(page)


def test_every_number_is_seen_once_and_in_order(numbers: Numbers) -> None:
    numbers.values = [1, 2, 3, 4]
    follower = follow(numbers)
    assert [seen(follower), seen(follower), seen(follower)] == [[1, 2, 3], [4], None]
    numbers.values.append(5)
    assert [seen(follower), seen(follower)] == [[5], None]


def test_following_resumes_after_a_cursor(numbers: Numbers) -> None:
    numbers.values = [1, 2, 3]
    assert seen(follow(numbers, after="2")) == [3]
    assert seen(follow(numbers, after="2", cursor="0")) == [3]
    assert seen(follow(numbers, cursor="1")) == [2, 3]


def test_the_tail_is_asked_for_once_and_never_with_a_cursor(numbers: Numbers) -> None:
    numbers.values = [1, 2, 3]
    follower = follow(numbers, tail=1)
    assert [seen(follower), seen(follower)] == [[3], None]
    assert seen(follow(numbers, after="1", tail=1)) == [2, 3]
    assert [c["tail"] for c in numbers.calls] == [1, None, None]


def test_nothing_between_an_empty_tail_and_the_first_element_is_lost(numbers: Numbers) -> None:
    follower = follow(numbers, tail=1)
    assert seen(follower) is None
    numbers.values = [1, 2, 3]
    assert seen(follower) == [1, 2, 3]


def test_it_reads_on_at_once_while_there_is_more_and_slows_down_in_silence(numbers: Numbers) -> None:
    numbers.values = [1, 2, 3, 4]
    follower = follow(numbers)
    pauses = []
    for _ in range(12):
        follower.step()
        pauses.append(follower.pause_seconds)
    assert pauses[:2] == [0.0, 0.1]
    assert pauses[2] > 0.1
    assert pauses[-1] == pytest.approx(0.1 * SLOWEST)
    numbers.values.append(5)
    follower.step()
    assert follower.pause_seconds == 0.1


def test_a_sequence_that_is_complete_ends(numbers: Numbers) -> None:
    numbers.values = [1, 2, 3, 4]
    numbers.complete = True
    follower = follow(numbers)
    assert [seen(follower), follower.ended] == [[1, 2, 3], False]
    assert [seen(follower), follower.ended] == [[4], True]


def test_a_sequence_that_has_not_begun_goes_on(numbers: Numbers) -> None:
    numbers.complete = True
    follower = follow(numbers)
    assert [seen(follower), follower.ended] == [None, False]


def test_a_page_that_only_tells_of_a_loss_is_news_once(numbers: Numbers) -> None:
    numbers.first = 7
    follower = follow(numbers)
    page = follower.step()
    assert page is not None
    assert page.model_dump()["lost"] == 7
    assert follower.step() is None


def test_what_has_no_cursor_cannot_be_followed(numbers: Numbers) -> None:
    replace = next(o for o in sample_operations() if o.name == "sample.replace")
    with pytest.raises(Invalid):
        Follower(call(numbers), replace, {})
