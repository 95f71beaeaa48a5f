"""What programs write for terminals, as a person reads it elsewhere."""

from __future__ import annotations

import time

import pytest

from att.terminal import clipped, coloured, plain

BAR = "".join(f"\r\x1b[32m{n:3}%\x1b[0m of the model" for n in range(0, 101, 5))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("nothing to do, ünïcode, 日本語", "nothing to do, ünïcode, 日本語"),
        ("\x1b[1;31mred\x1b[0m and \x1b[38:2::1:2:3mmore\x1b[m", "red and more"),
        (BAR, "100% of the model"),
        (f"{BAR}\r\n", "100% of the model\n"),
        ("almost\rdone\x1b[K\r", "done"),
        ("kept\r\x1b[0m", "kept"),
        ("first\r\nsecond: 1\rsecond: 2\n", "first\nsecond: 2\n"),
        ("\x1b]8;;http://127.0.0.1/\x1b\\a link\x1b]8;;\x07\x07", "a link"),
        ("\x1b]0;a title\x07\x1b(B\x1b=\x1b[?25lbegin\x1b[?25h\x1bPq#0\x1b\\", "begin"),
        ("\x9b31mC1\x9b0m\x00\x7f\tand\ttabs", "C1\tand\ttabs"),
        ("cut off here \x1b[38;5", "cut off here "),
        ("and there \x1b", "and there "),
    ],
)
def test_of_what_is_written_for_a_terminal_the_text_that_it_ends_with_is_left(written: str, read: str) -> None:
    assert plain(written) == read


def test_colours_may_stay_and_nothing_else() -> None:
    assert coloured("\x1b[31mbad\x1b[0m\x1b[K\x07 \x1b]0;title\x07end") == "\x1b[31mbad\x1b[0m end"
    assert coloured(BAR) == "\x1b[32m100%\x1b[0m of the model"
    assert coloured("\x1b[1;34mcompiling 1\rcompiling 2\x1b[0m") == "\x1b[1;34mcompiling 2\x1b[0m"
    assert plain(coloured(f"{BAR}\nend")) == plain(f"{BAR}\nend")


def test_a_long_text_is_cut_by_what_is_seen_of_it() -> None:
    assert clipped("\x1b[31m12345\x1b[0m", 5) == "\x1b[31m12345\x1b[0m"
    assert clipped("\x1b[31m12345\x1b[0m67", 6) == "\x1b[31m12345\x1b[0m6 …"


@pytest.mark.parametrize("piece", ["\x1b[", "\x1b]", "\r\x1b[31mx", "\r", "\x9b1", "\x1bP"])
def test_no_line_takes_longer_than_its_length_asks_for(piece: str) -> None:
    begun = time.monotonic()
    for work in (plain, coloured):
        work(piece * 50_000)
    assert time.monotonic() - begun < 20
