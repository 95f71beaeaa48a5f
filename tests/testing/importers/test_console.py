"""Only the session's own last summary line counts, in whatever dress a log comes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from att.errors import Invalid
from att.testing.importers import parse, parse_pytest_console
from tests.testing.importers.support import CATEGORIES, manifest, sample

HEADER = "============================= test session starts ==============================\n"
PLAIN = [entry for entry in manifest() if entry["kind"] == "console" and entry["expected"]]
MIXED = sample("console__mixed-p9.txt").decode()
MIXED_COUNTS = (8, 4, 2, 3, 3, 1)


def counts(text: str | bytes) -> tuple[int | None, ...]:
    report = parse_pytest_console(text)
    return tuple(report.counts[name] for name in CATEGORIES)


def prefixed(prefix: str, text: str) -> str:
    return "".join(f"{prefix.format(number=number)}{line}\n" for number, line in enumerate(text.splitlines()))


PREFIXES = {
    "github": "2026-03-01T10:00:{number:02.0f}.1234567Z ",
    "gh_run_view": "build\tRun tests\t2026-03-01T10:00:00.1234567Z ",
    "azure": "2026-03-01T10:00:00.1234567Z ",
    "gitlab": "2026-03-01T10:00:00.123456Z 00O ",
    "jenkins": "[2026-03-01T10:00:00.123Z] ",
    "clock": "10:00:00 ",
    "teamcity": "[10:00:00] ",
    "compose": "tests-1  | ",
    "own": "worker 7 says: ",
    "timestamper": "10:00:00  ",
    "buildkit": "#12 0.512 ",
    "cloud build": 'Step #1 - "test": ',
    "kubernetes": "job-x7f2p tests ",
    "act": "[CI/test]   | ",
    "teamcity step": "[10:00:00]W:\t [Step 1/1] ",
    "logger": "2026-03-01 10:00:00,123 INFO runner: ",
    "several": "2026-03-01T10:00:00.1234567Z tests-1  | [10:00:00] ",
    "indented": "    ",
}


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize(
    "name", ["console__mixed-p9.txt", "console__mixed-p9-vcolor.txt", "console__mixed-p74-xdist.txt"]
)
def test_the_prefixes_of_ci_logs_are_taken_off(name: str, prefix: str) -> None:
    assert counts(prefixed(prefix.replace("{number:02.0f}", "00"), sample(name).decode())) == MIXED_COUNTS


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_the_prefixes_of_a_log_without_a_header_are_taken_off(prefix: str) -> None:
    quiet = (
        "conftest says: 7 passed in 0.01s\n"
        "..F                                                                      [100%]\n\n"
        "=================================== FAILURES ===================================\n"
        "___________________________________ test_a ____________________________________\n\n"
        '    def test_a():\n        print("====== test session starts ======")\n>       assert 0\nE       assert 0\n'
        "=========================== short test summary info ============================\n"
        "FAILED test_o.py::test_a - assert 0\n1 failed, 2 passed in 0.03s\n"
    )
    assert counts(prefixed(prefix.replace("{number:02.0f}", "00"), quiet)) == (2, 1, 0, 0, 0, 0)


def test_the_first_stamp_of_a_log_is_its_start() -> None:
    report = parse_pytest_console(prefixed(PREFIXES["azure"], MIXED))
    assert report.started_at == datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("entry", PLAIN, ids=lambda entry: entry["file"])
def test_a_quiet_or_full_log_survives_a_github_runner(entry: dict[str, object]) -> None:
    text = sample(str(entry["file"])).decode(errors="replace")
    noisy = (
        f"Run pytest\npytest -x\nshell: /usr/bin/bash -e {{0}}\n{text}\nError: Process completed with exit code 1.\n"
    )
    expected = entry["expected"]
    assert isinstance(expected, dict)
    assert counts(prefixed(PREFIXES["azure"], noisy)) == tuple(expected.values())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_log_may_be_in_any_unicode(encoding: str) -> None:
    assert counts(MIXED.replace("\n", "\r\n").encode(encoding)) == MIXED_COUNTS


def test_other_tools_may_print_after_the_session() -> None:
    after = (
        "___________________________________ summary ____________________________________\n"
        "  py311: commands succeeded\nworker summary: 3 failed, 99 passed in 12.00s\n"
        "================================ 9 passed in 1.00s =================================\n"
    )
    assert counts(MIXED + after) == MIXED_COUNTS


def test_a_second_full_summary_after_the_end_is_noise() -> None:
    assert (
        counts(MIXED + "============================== 99 passed in 0.03s ==============================\n")
        == MIXED_COUNTS
    )


def test_the_last_of_several_sessions_counts() -> None:
    other = sample("console__cls-p8.txt").decode()
    assert counts(MIXED + other) == (2, 2, 0, 0, 0, 0)
    assert counts(other + MIXED) == MIXED_COUNTS


def test_a_last_session_without_an_end_is_refused() -> None:
    with pytest.raises(Invalid, match="2 pytest sessions"):
        parse(MIXED + MIXED[: len(MIXED) // 2])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_a_log_that_is_cut_off_is_refused(share: float) -> None:
    for name in ("console__mixed-p9.txt", "console__summ_in_output-p8.txt", "console__own-nested-p8.txt"):
        text = sample(name).decode()
        with pytest.raises(Invalid):
            parse(text[: int(len(text) * share)])


def test_a_fake_summary_printed_by_a_test_does_not_count() -> None:
    fake = "============================== 99 passed in 0.03s ==============================\n"
    real = "========================= 1 failed, 1 passed in 0.12s ==========================\n"
    captured = f"----------------------------- Captured stdout call -----------------------------\n{fake}"
    failures = "=================================== FAILURES ===================================\n"
    info = "=========================== short test summary info ============================\n"
    head = f"{HEADER}collected 2 items\n\ntests/test_o.py .F      [100%]\n\n{failures}"
    assert counts(f"{head}{captured}{info}FAILED tests/test_o.py::test_f\n{real}") == (1, 1, 0, 0, 0, 0)
    assert counts(f"{head}{captured}{real}") == (1, 1, 0, 0, 0, 0), "even where nothing stands between the two"


def test_a_fake_summary_in_an_unfinished_line_of_progress_does_not_count() -> None:
    fake = "============================== 99 passed in 0.03s ==============================\n"
    with pytest.raises(Invalid, match="killed"):
        parse(f"{HEADER}collected 2 items\n\ntests/test_o.py .\n{fake}")


def test_a_bare_summary_after_a_session_with_a_header_is_noise() -> None:
    assert counts(f"pip install pytest\n{MIXED}3 failed, 99 passed in 12.00s\n") == MIXED_COUNTS


@pytest.mark.parametrize(
    ("letters", "line", "expected"),
    [
        ("...", "3 passed in 75.20s (0:01:15)", (3, 0, 0, 0, 0, 0)),
        (".F.E", "1 failed, 2 passed, 1 warning, 1 error in 90061.00s (1 day, 1:01:01)", (2, 1, 0, 1, 0, 0)),
        ("R..,,...", "5 passed, 2 subtests passed, 1 rerun in 0.10s", (5, 0, 0, 0, 0, 0)),
        ("", "no tests ran in 0.01s", (0, 0, 0, 0, 0, 0)),
        ("....", "4 passed in 1.23 seconds", (4, 0, 0, 0, 0, 0)),
    ],
)
def test_a_bare_summary_line_is_read(letters: str, line: str, expected: tuple[int, ...]) -> None:
    assert counts(f"{letters}      [100%]\n{line}\n") == expected
    assert counts(line) == expected


@pytest.mark.parametrize(
    "fake", ["7 failed in 0.01s", "3 failed, 2 passed in 1.00s", "no tests ran in 0.01s", "1 passed in 0.01s"]
)
def test_a_summary_that_the_letters_of_a_quiet_session_contradict_was_printed_by_others(fake: str) -> None:
    fenced = f"============================== {fake} =============================="
    with pytest.raises(Invalid, match="-qq"):
        parse(f"..      [100%]\n\n{fenced}\n{fake}\n")
    assert counts(f"..      [ 50%]\n.F      [100%]\n{fake}\n1 failed, 3 passed in 0.10s\n") == (3, 1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "progress", ["..hello\n.      [100%]", "..!      [100%]", ".uuF      [100%]", "..      [ 50%]"]
)
def test_letters_that_may_be_more_than_were_seen_contradict_nothing(progress: str) -> None:
    assert counts(f"{progress}\n2 failed, 4 passed, 1 skipped, 1 error in 0.10s\n") == (4, 2, 1, 1, 0, 0)


def test_a_killed_session_in_the_captured_output_of_a_quiet_one_is_not_its_end() -> None:
    captured = f"----------------------------- Captured stdout call -----------------------------\n{HEADER}"
    inner = f"{captured}collected 2 items\n\ntest_i.py .\n"
    failures = "=================================== FAILURES ===================================\n"
    end = f"{'=' * 27} short test summary info {'=' * 28}\nFAILED test_o.py::test_i - assert 0\n1 failed in 0.12s\n"
    assert counts(f"F      [100%]\n{failures}{inner}{end}") == (0, 1, 0, 0, 0, 0)
    with pytest.raises(Invalid):
        parse(f"F      [100%]\n{failures}{inner}1 passed in 0.12s\n")


def test_a_quiet_collection_ends_with_its_own_line_whatever_was_printed_before() -> None:
    report = parse("conftest says\n3 passed in 0.1s\ntest_o.py::test_a\n\n1 test collected in 0.01s\n")
    assert (report.passed, report.failed, report.skipped) == (0, 0, None)


@pytest.mark.parametrize(
    "line", ["99 passed, 3 failed in 1.00s", "worker: 3 failed in 1.00s", "3 dogs in 1.00s", "passed"]
)
def test_a_line_that_pytest_would_not_write_is_not_a_summary(line: str) -> None:
    with pytest.raises(Invalid):
        parse_pytest_console(f".....      [100%]\n{line}\n")


def test_a_refusal_says_what_the_log_shows() -> None:
    for name, words in (
        ("console__mixed-p9-qq.txt", "-qq"),
        ("console__conftest_err-p9.txt", "conftest"),
        ("console__own-mixed-p9-nonexistent-option.txt", "usage error"),
        ("console__hang-p9.txt", "killed"),
    ):
        with pytest.raises(Invalid, match=words):
            parse_pytest_console(sample(name))


def test_how_a_session_ended_is_told() -> None:
    endings = {
        "console__mixed-p9.txt": "failed",
        "console__kbd-p9.txt": "interrupted",
        "console__internal-p62.txt": "internal_error",
        "console__collect_err-p9.txt": "collect_error",
        "console__none-p9-q.txt": "no_tests",
        "console__skipmod-p62.txt": "no_tests",
        "console__atexit_noise-p74.txt": "passed",
    }
    assert {name: parse_pytest_console(sample(name)).status for name in endings} == endings
    assert parse_pytest_console(sample("console__kbd-p9.txt")).interrupted


def test_a_verbose_log_names_every_test() -> None:
    report = parse_pytest_console(sample("console__mixed-p9-vcolor.txt"))
    outcomes = dict(zip(report.tests.columns["nodeid"], report.tests.columns["outcome"], strict=True))
    assert len(outcomes) == 18
    assert outcomes["tests/test_m.py::test_pass_then_err"] == "error"
    assert outcomes["tests/test_m.py::test_par[3]"] == "passed"
    failure = next(record.failure for record in report.tests if record.nodeid == "tests/test_m.py::test_fail2")
    assert failure is not None
    assert (failure.exception_type, failure.message) == ("AssertionError", "assert False")
    assert "captured out" in failure.longrepr


def test_a_worker_is_named_with_xdist() -> None:
    report = parse_pytest_console(sample("console__own-mixed-p8-n-2-v.txt"))
    assert set(report.tests.columns["worker"]) == {"gw0", "gw1"}


def test_a_dash_in_a_parameter_is_not_the_separator() -> None:
    info = "=========================== short test summary info ============================\n"
    line = "FAILED t.py::test_a[x - y] - KeyError: 1\n"
    report = parse_pytest_console(f"F    [100%]\n{info}{line}1 failed in 0.10s\n")
    record = report.tests[0]
    assert record.nodeid == "t.py::test_a[x - y]"
    assert record.failure is not None
    assert record.failure.exception_type == "KeyError"


def test_progress_after_a_line_that_looks_like_the_end_of_a_quiet_session_shows_that_it_was_printed() -> None:
    assert counts("1 failed, 2 passed in 0.03s\n..\n2 passed in 0.01s\n") == (2, 0, 0, 0, 0, 0)
    assert counts("..\n2 passed in 0.01s\n...\n") == (2, 0, 0, 0, 0, 0)


def test_a_quiet_session_around_sessions_with_headers_has_the_last_word() -> None:
    inner = f"{HEADER}collected 1 item\n\ntest_q.py .      [100%]\n\n{'=' * 30} 1 passed in 0.01s {'=' * 31}\n"
    end = (
        f"{'=' * 28} short test summary info {'=' * 27}\nFAILED t.py::test_a - assert 0\n1 failed, 3 passed in 1.00s\n"
    )
    assert counts(f"{inner}.{inner}..F\n{end}") == (3, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("header", ["collected 5 items / 2 skipped", "collecting ... collected 5 items / 2 skipped"])
def test_the_modules_that_a_collection_skipped_are_in_its_header(header: str) -> None:
    end = f"{'=' * 26} 5 tests collected in 0.03s {'=' * 26}\n"
    assert counts(f"{HEADER}{header}\n\n<Module test_o.py>\n{end}") == (0, 0, 2, 0, 0, 0)


def test_a_session_of_pytest_sugar_ends_with_its_results() -> None:
    log = (
        "Test session starts (platform: linux, Python 3.13.0, pytest 9.2.0, pytest-sugar 1.1.1)\n"
        " tests/test_o.py \u2713\u2a2f    100% \u2588\u2588\n"
        f"{'=' * 27} short test summary info {'=' * 28}\nFAILED tests/test_o.py::test_f - assert 0\n\n"
        "Results (0.05s):\n      13 passed\n       1 failed\n         - tests/test_o.py:4 test_f\n"
        "       3 error\n       2 xfailed\n"
    )
    report = parse(log)
    assert (counts(log), report.duration_seconds, report.status) == ((13, 1, 0, 3, 2, 0), 0.05, "failed")
    with pytest.raises(Invalid):
        parse(log[: log.index("Results")])


def test_what_pytest_sugar_does_not_count_is_in_its_header() -> None:
    sugar = "Test session starts (platform: linux, Python 3.13.0, pytest 9.2.0, pytest-sugar 1.1.1)\n"
    assert counts(f"{sugar}collected 1 item / 2 errors / 1 skipped\n\nResults (0.15s):\n       1 passed\n") == (
        1,
        0,
        1,
        2,
        0,
        0,
    )
    assert counts(f"{sugar}collected 0 items / 2 skipped\n\nResults (0.03s):\n") == (0, 0, 2, 0, 0, 0)
    stopped = "!!!!!!!!!!!!!!!!!!!! Interrupted: 2 errors during collection !!!!!!!!!!!!!!!!!!!!\n"
    assert counts(f"{sugar}collected 1 item / 2 errors\n\n{stopped}\nResults (0.48s):\n") == (0, 0, 0, 2, 0, 0)
    with pytest.raises(Invalid):
        parse(f"{sugar}collected 1 item\n\nResults (0.48s):\n")


def test_a_session_of_pytest_pretty_ends_with_its_results() -> None:
    assert counts(f"{HEADER}collected 0 items\n\nResults (0.03s):\n        no tests ran\n") == (0, 0, 0, 0, 0, 0)
    captured = "----------------------------- Captured stdout call -----------------------------\n"
    fake = "============================== 99 passed in 0.03s ==============================\n"
    failures = "=================================== FAILURES ===================================\n"
    end = "Results (0.05s):\n         1 failed\n         2 passed\n"
    assert counts(f"..F test_o.py:3 test_f - assert 0  [100%]\n{failures}{captured}{fake}{end}") == (2, 1, 0, 0, 0, 0)
    assert counts(prefixed("worker 7 says: ", f"..F      [100%]\n{end}")) == (2, 1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "error",
    [
        "ERROR: usage: pytest [options] [file_or_dir]\npytest: error: unrecognized arguments: --nope\n",
        "ImportError while loading conftest '/r/conftest.py'.\nconftest.py:1: in <module>\n",
    ],
)
def test_a_summary_printed_around_an_error_of_usage_is_no_result(error: str) -> None:
    with pytest.raises(Invalid, match=r"usage error|conftest"):
        parse(f"conftest says\n{error}  rootdir: /r\n\n3 passed in 0.01s\n")


def test_a_log_cut_off_inside_captured_output_is_refused() -> None:
    fake = "============================== 99 passed in 0.03s ==============================\n"
    captured = f"----------------------------- Captured stdout call -----------------------------\n{fake}"
    failures = "=================================== FAILURES ===================================\n"
    block = "___________________________________ test_b ____________________________________\n\n    def test_b():\n"
    head = f"{HEADER}collected 2 items\n\ntests/test_o.py FF      [100%]\n\n{failures}"
    with pytest.raises(Invalid, match="cut off"):
        parse(f"{head}{captured}{block}")
    for session in ("", HEADER):
        with pytest.raises(Invalid, match=r"cut off|did not finish"):
            parse(f"{head}{captured.replace(fake, session + fake)}")
    with pytest.raises(Invalid):
        parse("Got:\n    1 passed in 0.10s\n    2 passed in 0.10s\n")


@pytest.mark.parametrize(
    "quiet",
    [".F.\n", ".\n!!!!!!!!!!!!!!!!!!!!!!!!!!!!!! KeyboardInterrupt !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\nt.py:3: Key\n"],
)
def test_a_quiet_session_after_one_with_a_header_counts(quiet: str) -> None:
    assert counts(f"{MIXED}{quiet}2 passed in 0.01s\n") == (2, 0, 0, 0, 0, 0)
    assert counts(f"{MIXED}{quiet}") == MIXED_COUNTS


@pytest.mark.parametrize("letters", ["..s", ".F..s", "s", "-.s", "R.s"])
def test_the_letters_of_a_quiet_session_are_no_unfinished_file(letters: str) -> None:
    for before in ("", "...\n", "printed\n"):
        assert counts(f"{before}{letters}\n2 passed, 1 skipped in 0.02s\n") == (2, 0, 1, 0, 0, 0)
    with pytest.raises(Invalid):
        parse(f"{HEADER}collected 2 items\n\ntests/test_o.py {letters}\n{'=' * 26} 2 passed in 0.02s {'=' * 26}\n")


@pytest.mark.parametrize("fence", ["=", "=====", "=" * 90])
@pytest.mark.parametrize(
    "before", ["", "collected 3 items\n\ntest_a.py ...    [100%]\n\n", f"{HEADER}collected 3 items\n\n"]
)
def test_a_summary_that_a_log_ends_with_counts_whatever_its_width(fence: str, before: str) -> None:
    line = f"{fence} 1 failed, 2 passed in 0.12s {fence}"
    assert counts(f"{before}{line}\n\n") == (2, 1, 0, 0, 0, 0)
    assert parse(f"{before}{line}").duration_seconds == 0.12
    if not before:
        with pytest.raises(Invalid):
            parse(f"{line}\nKilled\n", "console")
        with pytest.raises(Invalid):
            parse(f"=========={line.rstrip('=')}", "console")


def test_a_summary_of_another_width_does_not_count_inside_captured_output_or_progress() -> None:
    fake = "===== 99 passed in 0.03s =====\n"
    captured = f"----------------------------- Captured stdout call -----------------------------\n{fake}"
    failures = "=================================== FAILURES ===================================\n"
    for before in (
        "",
        f"tests/test_o.py FF      [100%]\n\n{failures}{captured}",
        "tests/test_o.py .\n",
        "t.py::test_a \n",
    ):
        text = f"{HEADER}collected 2 items\n\n{before}{fake}"
        if before:
            with pytest.raises(Invalid):
                parse(text)
        else:
            assert counts(text) == (99, 0, 0, 0, 0, 0)
    assert counts(f"{MIXED}{fake}") == MIXED_COUNTS
