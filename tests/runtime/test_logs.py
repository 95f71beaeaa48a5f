"""Logs by cursor: nothing is lost, nothing is skipped silently, and lines stay lines."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from att.errors import Invalid, NotFound
from att.models import now
from att.runtime.models import PROBE_SOURCE, LogLine
from att.runtime.rundir import RunDirectory
from att.runtime.segments import SegmentWriter
from tests.runtime.lowlevel import Bench, bench_in
from tests.support.waiting import eventually


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def whole(lines: list[LogLine], stream: str = "stdout") -> list[str]:
    """Join partial lines of a stream."""
    joined, open_line = [], ""
    for line in lines:
        if line.stream == stream:
            open_line += line.text
            if not line.partial:
                joined.append(open_line)
                open_line = ""
    return [*joined, open_line] if open_line else joined


def written(bench: Bench, blocks: list[tuple[int, bytes]], **bounds: int) -> str:
    """Make an ended run whose log is exactly these blocks; return its id."""
    run, _ = bench.finish("pass")
    writer = SegmentWriter(os.fsencode(run.log_dir), bounds.get("limit", 1 << 26), bounds.get("segment", 1 << 24))
    for stream, data in blocks:
        buffer = bytearray(data)
        writer.append(stream, buffer, memoryview(buffer), len(buffer))
    writer.close()
    return run.run_id


def test_lines_come_with_stream_time_and_run(bench: Bench) -> None:
    before = now()
    run, _ = bench.finish("import os; os.write(1, b'out\\n'); os.write(2, b'err\\n')")
    lines = bench.lines()
    assert sorted((line.text, line.stream) for line in lines) == [("err", "stderr"), ("out", "stdout")]
    assert {line.run_id for line in lines} == {run.run_id}
    assert all(before < line.at < now() for line in lines)


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_any_page_size_gives_the_same_lines(bench: Bench, limit: int) -> None:
    blocks = [(n * 7 % 3 % 2, f"{n}-{'x' * (n * 37 % 50)}{chr(10) * (n % 3)}".encode()) for n in range(300)]
    written(bench, blocks)
    for stream, name in enumerate(("stdout", "stderr")):
        expected = b"".join(data for where, data in blocks if where == stream).decode().split("\n")
        lines = bench.lines(limit=limit)
        assert whole(lines, name) == (expected if expected[-1] else expected[:-1])
        assert not any(line.partial for line in lines)


def test_a_line_is_never_made_of_two_streams(bench: Bench) -> None:
    written(bench, [(0, b"foo"), (1, b"warn"), (0, b"bar\nnext"), (1, b"ing\n"), (0, b" one\n")])
    assert [(line.text, line.stream) for line in bench.lines(limit=1)] == [
        ("foobar", "stdout"),
        ("warning", "stderr"),
        ("next one", "stdout"),
    ]


def test_a_line_that_the_other_stream_leaves_far_behind_is_given_out_in_parts(bench: Bench) -> None:
    written(bench, [(0, b"progress "), *[(1, b"e" * 99 + b"\n")] * 4000, (0, b"done\n")])
    lines = [line for line in bench.lines(limit=100) if line.stream == "stdout"]
    assert [(line.text, line.partial) for line in lines] == [("progress ", True), ("done", False)]


def test_invalid_utf8_and_nul_come_as_text_and_exactly_as_raw_bytes(bench: Bench) -> None:
    data = b"caf\xc3\xa9 \xff\xfe \x00 \xe2\x82 \xed\xa0\x80\n\xf0\x9f\x98\x80 end"
    bench.finish(f"import os; os.write(1, {data!r})")
    assert texts(bench.lines()) == data.decode("utf-8", "replace").split("\n")
    assert bench.raw() == bench.raw(max_bytes=1) == data


@pytest.mark.parametrize("size", [1_000_000, 1 << 20, 65536, 65537])
def test_a_very_long_line_comes_in_pieces_that_make_it_up(bench: Bench, size: int) -> None:
    bench.finish(f"import sys; sys.stdout.write('x' * {size})")
    lines = bench.lines()
    assert whole(lines) == ["x" * size]
    assert [line.partial for line in lines] == [True] * (len(lines) - 1) + [False]
    assert max(len(line.text) for line in lines) == min(size, 65536)


def test_pieces_never_cut_a_code_point(bench: Bench) -> None:
    text = "a" + "€" * 100_000 + "😀" * 50_000 + "é\n"
    data = text.encode()
    written(bench, [(0, data[n : n + 1000]) for n in range(0, len(data), 1000)])
    lines = bench.lines(limit=1)
    assert whole(lines) == [text[:-1]]
    assert len(lines) > 5


def test_progress_that_overwrites_itself_is_one_line_and_evicts_nothing(bench: Bench) -> None:
    bench.finish("import sys\nprint('first')\nfor n in range(20000): sys.stdout.write(f'\\r{n}%')\nprint('\\nlast')")
    lines = bench.lines()
    assert (lines[0].text, lines[-1].text) == ("first", "last")
    assert whole(lines)[1] == "".join(f"\r{n}%" for n in range(20000))


def test_the_carriage_return_of_a_crlf_is_not_part_of_the_line(bench: Bench) -> None:
    written(bench, [(0, b"dos\r\n\r\nunix\n")])
    assert texts(bench.lines()) == ["dos", "", "unix"]


def test_an_unterminated_tail_is_withheld_then_given_out_as_partial(bench: Bench) -> None:
    code = "import os, sys; os.write(1, b'a\\nname? '); sys.stdin.read(); import time; time.sleep(1000)"
    run = bench.start(code)
    eventually(lambda: bench.logs.read("demo").lines)
    first = bench.logs.read("demo")
    assert texts(first.lines)[:1] == ["a"]
    lines = first.lines[1:] or eventually(lambda: bench.logs.read("demo", first.cursor).lines)
    assert [(line.text, line.partial) for line in lines] == [("name? ", True)]
    run.stop(5)
    assert [(line.text, line.partial) for line in bench.lines()] == [("a", False), ("name? ", False)]


def test_a_fresh_tail_is_withheld_while_the_run_lives(bench: Bench) -> None:
    bench.start("import os, time; os.write(1, b'a\\nbc'); time.sleep(1000)")
    frozen = type(bench.logs)(bench.launcher, clock_ns=lambda: 0)
    eventually(lambda: frozen.read("demo").lines)
    page = frozen.read("demo")
    assert (texts(page.lines), page.has_more) == (["a"], False)
    assert frozen.read("demo", page.cursor).cursor == page.cursor


def test_a_page_holds_at_most_a_mebibyte_and_the_next_one_goes_on(bench: Bench) -> None:
    written(bench, [(0, b"y" * 60_000 + b"\n")] * 40)
    pages = list(bench.pages())
    assert [page.has_more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert len(pages) == 3
    assert sum(len(page.lines) for page in pages) == 40


def test_more_to_come_is_said_exactly(bench: Bench) -> None:
    written(bench, [(0, b"1\n2\n3\n4\n")])
    assert [page.has_more for page in bench.pages(limit=2)] == [True, False]
    assert bench.logs.read("demo", limit=4).has_more is False


def test_raw_and_line_cursors_can_be_exchanged(bench: Bench) -> None:
    written(bench, [(0, b"one\ntwo\n"), (1, b"three\n")])
    page = bench.logs.read("demo", limit=1)
    assert bench.raw(page.cursor) == b"two\nthree\n"
    raw = bench.logs.raw("demo", max_bytes=8)
    assert texts(bench.lines(raw.cursor)) == ["three"]
    assert bench.logs.raw("demo", stream="stderr").data == b"three\n"


def test_a_rotated_cursor_says_exactly_how_much_is_gone(bench: Bench) -> None:
    run_id = written(bench, [(0, f"{n:09}\n".encode() * 10) for n in range(3000)], limit=1 << 16, segment=1 << 13)
    start = int(min(path.stem for path in (bench.launcher.run("demo", run_id).log_dir).glob("*.seg")))
    page = bench.logs.read("demo", f"{run_id}:1000")
    assert (page.truncated, page.lost_bytes, page.run_changed) == (True, start - 1000, False)
    assert page.lines[0].text == f"{start // 100:09}"
    raw = bench.logs.raw("demo", f"{run_id}:1000")
    assert (raw.truncated, raw.lost_bytes) == (True, start - 1000)
    again = bench.logs.read("demo", page.cursor)
    assert (again.truncated, again.lost_bytes) == (False, 0)
    assert bench.logs.read("demo").truncated is False


def test_dropped_bytes_are_a_loss_of_their_exact_size_where_they_are_missing(bench: Bench) -> None:
    run_id = written(bench, [(0, b"before\n")])
    folder = bench.launcher.run("demo", run_id).log_dir
    other = written(bench, [(0, b"after\n")])
    for suffix in (".seg", ".idx"):
        name = next(bench.launcher.run("demo", other).log_dir.glob(f"*{suffix}"))
        data = name.read_bytes()
        if suffix == ".idx":
            data = (107).to_bytes(8, "little") + data[8:]
        (folder / f"{107:020}{suffix}").write_bytes(data)
    page = bench.logs.read("demo", run=run_id)
    assert (texts(page.lines), page.truncated, page.has_more) == (["before"], False, True)
    page = bench.logs.read("demo", page.cursor, run=run_id)
    assert (texts(page.lines), page.lost_bytes, page.truncated, page.has_more) == (["after"], 100, True, False)
    first = bench.logs.raw("demo", run=run_id)
    second = bench.logs.raw("demo", first.cursor, run=run_id)
    assert (first.data, first.has_more, second.data, second.lost_bytes) == (b"before\n", True, b"after\n", 100)


def ended_at(run: RunDirectory, offset: int) -> None:
    """Record that a run has written so many bytes, as a shim does whose last ones found no space."""
    record = run.path / "exit.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "end_offset": offset}))


@pytest.mark.parametrize("newer", [False, True])
def test_bytes_that_are_lost_at_the_end_of_a_run_are_told_behind_its_last_line(bench: Bench, newer: bool) -> None:
    run_id = written(bench, [(0, b"one\ntwo\n")])
    ended_at(bench.launcher.run("demo", run_id), 108)
    if newer:
        bench.finish("print('next')")
    start = f"{run_id}:0"
    first, second = bench.pages(start)
    assert (texts(first.lines), first.truncated, first.has_more) == (["one", "two"], False, True)
    assert (texts(second.lines), second.lost_bytes, second.has_more) == (["next"] if newer else [], 100, False)
    third = bench.logs.read("demo", second.cursor)
    assert (third.lines, third.lost_bytes) == ([], 0)

    raw = bench.logs.raw("demo", start)
    assert (raw.data, raw.truncated, raw.has_more) == (b"one\ntwo\n", False, True)
    hole = bench.logs.raw("demo", raw.cursor)
    assert (hole.data, hole.lost_bytes, hole.cursor, hole.has_more) == (b"", 100, f"{run_id}:108", newer)
    assert bench.logs.raw("demo", hole.cursor).data == (b"next\n" if newer else b"")


def test_an_old_cursor_finishes_its_run_and_runs_over_into_the_newer_ones(bench: Bench) -> None:
    old, _ = bench.finish("print('a'); print('b'); print('c')")
    cursor = bench.logs.read("demo", limit=1).cursor
    new, _ = bench.finish("print('d')")
    page = bench.logs.read("demo", cursor)
    assert [(line.text, line.run_id) for line in page.lines] == [
        ("b", old.run_id),
        ("c", old.run_id),
        ("d", new.run_id),
    ]
    assert (page.run_changed, page.truncated, page.has_more) == (True, False, False)
    assert bench.logs.read("demo", page.cursor).run_changed is False
    small = list(bench.pages(cursor, limit=1))
    assert [texts(page.lines) for page in small] == [["b"], ["c"], ["d"]]
    assert [page.run_changed for page in small] == [True, True, False] or small[2].run_changed
    raw = bench.logs.raw("demo", cursor)
    assert (raw.data, raw.run_changed, raw.has_more) == (b"b\nc\n", True, True)
    assert bench.logs.raw("demo", raw.cursor).data == b"d\n"


def test_a_cursor_of_a_deleted_run_says_that_nobody_knows_how_much_is_gone(bench: Bench) -> None:
    bench.finish("print('a')")
    cursor = bench.logs.read("demo").cursor
    for text in "bc":
        bench.finish(f"print('{text}')")
    bench.launcher.prune("demo", keep_runs=2)
    page = bench.logs.read("demo", cursor)
    assert (texts(page.lines), page.truncated, page.lost_bytes, page.run_changed) == (["b", "c"], True, None, True)
    raw = bench.logs.raw("demo", cursor)
    assert (raw.data, raw.truncated, raw.lost_bytes, raw.run_changed) == (b"b\n", True, None, True)


def test_other_kinds_of_runs_do_not_change_the_run(bench: Bench) -> None:
    bench.finish("print('app')")
    cursor = bench.logs.read("demo", limit=1).cursor
    bench.finish("print('test')", kind="test")
    assert texts(bench.lines()) == ["app"]
    assert bench.logs.read("demo", cursor).run_changed is False
    assert texts(bench.lines(kind="test")) == ["test"]


@pytest.mark.parametrize("cursor", ["", "x", "0:0", "01j00000000000000000000000", "01j00000000000000000000000:-1"])
def test_a_malformed_cursor_is_invalid(bench: Bench, cursor: str) -> None:
    bench.finish("pass")
    for read in (bench.logs.read, bench.logs.raw):
        with pytest.raises(Invalid, match="cursor"):
            read("demo", cursor)


def test_a_cursor_that_no_page_gave_out_is_refused(bench: Bench) -> None:
    run, _ = bench.finish("print('x')")
    with pytest.raises(Invalid, match="behind the end"):
        bench.logs.read("demo", f"{run.run_id}:1000")
    with pytest.raises(NotFound, match="never had"):
        bench.logs.read("demo", "7zzzzzzzzzzzzzzzzzzzzzzzzz:0")
    bench.launcher.launch("other", bench.spec("pass")).wait(20)
    with pytest.raises(NotFound, match="another project"):
        bench.logs.read("other", f"{run.run_id}:0")


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_limit_out_of_range_is_invalid(bench: Bench, limit: int) -> None:
    with pytest.raises(Invalid, match="between 1 and 10000"):
        bench.logs.read("demo", limit=limit)
    with pytest.raises(Invalid, match="between 1 and 10000"):
        bench.logs.read("demo", tail=limit)


def test_a_project_without_runs_has_an_empty_page(bench: Bench) -> None:
    page = bench.logs.read("demo")
    assert (page.lines, page.has_more, page.truncated) == ([], False, False)
    assert bench.logs.read("demo", page.cursor) == page
    assert bench.logs.read("demo", tail=5) == page
    raw = bench.logs.raw("demo")
    assert (raw.data, raw.cursor, raw.run_id) == (b"", page.cursor, None)


@pytest.mark.parametrize("tail", [None, 5])
def test_who_asked_before_the_first_run_misses_none_of_those_that_came_since(bench: Bench, tail: int | None) -> None:
    cursor = bench.logs.read("demo", tail=tail).cursor
    for text in "abc":
        bench.finish(f"print('{text}')")
    assert texts(bench.lines(cursor)) == ["a", "b", "c"]
    assert [bench.logs.read("demo", cursor, limit=1).run_changed for cursor in (cursor, None)] == [True, False]
    assert bench.raw(cursor) == b"a\nb\nc\n"
    assert texts(bench.lines()) == ["c"], "without a cursor the latest run is read"


def test_a_past_run_is_read_by_its_id_and_only_it(bench: Bench) -> None:
    old, _ = bench.finish("print('old')")
    bench.finish("print('new')")
    page = bench.logs.read("demo", run=old.run_id)
    assert (texts(page.lines), page.run_changed) == (["old"], False)
    assert bench.logs.read("demo", page.cursor, run=old.run_id).lines == []
    with pytest.raises(NotFound):
        bench.logs.read("demo", run="7zzzzzzzzzzzzzzzzzzzzzzzzz")


def test_the_tail_is_the_last_lines_and_its_cursor_goes_on_behind_them(bench: Bench) -> None:
    written(bench, [(n % 2, f"{n:0200}\n".encode()) for n in range(5000)])
    page = bench.logs.read("demo", tail=7)
    assert [int(text) for text in texts(page.lines)] == list(range(4993, 5000))
    assert bench.logs.read("demo", page.cursor).lines == []
    errors = bench.logs.read("demo", tail=2000, stream="stderr").lines
    assert [int(text) for text in texts(errors)] == list(range(1001, 5000, 2))
    assert len(bench.logs.read("demo", tail=10_000).lines) == 5000


def test_the_last_lines_of_a_crash_include_the_unterminated_one(bench: Bench) -> None:
    run, _ = bench.finish("import os, sys; os.write(2, b'Traceback\\nboom'); os._exit(1)")
    assert texts(bench.logs.last_lines(run, 5)) == ["Traceback", "boom"]
    assert texts(bench.logs.last_lines(run, 1)) == ["boom"]


def test_hidden_lines_still_move_the_cursor(bench: Bench) -> None:
    written(bench, [(0, b"out\n"), (1, b"err\n"), (0, b"out\n")])
    page = bench.logs.read("demo", stream="stderr")
    assert texts(page.lines) == ["err"]
    assert bench.logs.read("demo", page.cursor).lines == []


def test_lines_of_our_own_probes_are_hidden_flagged_and_never_removed(bench: Bench) -> None:
    written(bench, [(0, b"a\n"), (1, f'{PROBE_SOURCE}:4000 - "GET /health" 200\n'.encode()), (0, b"b\n")])
    assert texts(bench.lines()) == ["a", "b"]
    assert [line.probe for line in bench.lines(probes=True)] == [False, True, False]
    assert PROBE_SOURCE.encode() in bench.raw()


def test_since_shows_only_what_came_at_that_time_or_later(bench: Bench) -> None:
    run = bench.start("import sys, time; print('early', flush=True); time.sleep(0.3); print('late', flush=True)")
    run.wait(20)
    early, late = bench.lines()
    assert texts(bench.lines(since=late.at)) == ["late"]
    assert texts(bench.lines(since=early.at)) == ["early", "late"]
    assert bench.lines(since=late.at + timedelta(seconds=1)) == []


def test_a_reader_that_follows_a_rotating_log_misses_nothing_or_says_so(bench: Bench) -> None:
    code = "import sys\nfor n in range(100000): sys.stdout.write(f'{n:099}\\n')"
    run = bench.start(code, log_limit_bytes=1 << 20, segment_bytes=1 << 16)
    cursor, expected = f"{run.run_id}:0", 0
    while expected < 100_000:
        page = bench.logs.read("demo", cursor, limit=10_000)
        assert page.lost_bytes is not None
        assert page.lost_bytes % 100 == 0
        expected += page.lost_bytes // 100 + len(page.lines)
        if page.lines:
            assert int(page.lines[-1].text) == expected - 1
        cursor = str(page.cursor)


def test_bytes_that_a_killed_shim_did_not_record_are_kept(bench: Bench) -> None:
    run = bench.start("import time; print('up', flush=True); time.sleep(1000)")
    eventually(lambda: bench.lines())
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGKILL)
    eventually(lambda: not run.alive())
    with next(run.log_dir.glob("*.seg")).open("ab") as segment:
        segment.write(b"last words\n")
    assert texts(bench.lines()) == ["up", "last words"]


def test_importing_the_reader_loads_nothing_heavy() -> None:
    code = "import sys, att.runtime.logs; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"\b(sqlalchemy|pandas|psutil|tornado|httpx)\b", loaded)
