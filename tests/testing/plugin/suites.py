"""Small suites that hold every kind of result pytest knows, and every way in which it can end."""

from __future__ import annotations

from dataclasses import dataclass, field

from att.testing.models import TestStatus

__all__ = ["CRASHES", "SUITES", "Suite"]


@dataclass(frozen=True)
class Suite:
    """Files, arguments, and what must come of them; counts are not written here, pytest itself says them."""

    files: dict[str, str]
    status: TestStatus
    arguments: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    in_flight: tuple[str, ...] = ()
    phase: str | None = None
    finished: tuple[str, ...] | None = None
    least: dict[str, int] = field(default_factory=dict)
    """Counts that show that the suite does what it is for."""


OUTCOMES = r"""
import warnings
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("setup 0x7f00aa")

@pytest.fixture
def leaves_badly():
    yield
    raise RuntimeError("teardown")

@pytest.fixture(scope="module")
def module_leaves_badly():
    yield
    raise RuntimeError("module teardown")

def test_passes(): pass
def test_fails():
    print("to stdout")
    assert [1, 2] == [1, 3]
def test_raises(): raise KeyError("no such key")
def test_leaves(): raise SystemExit(3)
def test_setup_fails(broken): pass
def test_teardown_fails(leaves_badly): pass
def test_both_fail(leaves_badly): assert 0
def test_no_such_fixture(nowhere): pass
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
def test_skips_itself(): pytest.skip("no network")
def test_skipped_in_setup(request): request.getfixturevalue("skipping")
@pytest.fixture
def skipping(): pytest.skip("in setup")
@pytest.mark.xfail(reason="known bug")
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True, reason="must fail")
def test_strict_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_strict_xfail(): assert 0
@pytest.mark.xfail(raises=ValueError)
def test_xfail_with_another_error(): raise TypeError
@pytest.mark.xfail(run=False)
def test_xfail_not_run(): raise AssertionError
@pytest.mark.xfail
def test_xfail_in_setup(broken): pass
@pytest.mark.xfail
def test_xfail_with_teardown_error(leaves_badly): assert 0
def test_xfails_itself(): pytest.xfail("later")
def test_warns():
    warnings.warn("careful")
    warnings.warn(DeprecationWarning("old"))
TEXTS = ["plain", "", "ünï", "日本", "\udc80", "a\nb", "\0", "x]::y[", " space ", "a" * 300, b"\xff"]
@pytest.mark.parametrize("text", TEXTS)
def test_parameters(text): assert text != "日本"
@pytest.mark.parametrize("number", [])
def test_no_parameters(number): pass
class TestGroup:
    def test_method(self): pass
    @pytest.mark.parametrize("one", [1, 2])
    @pytest.mark.parametrize("two", ["a", "b"])
    def test_stacked(self, one, two): assert (one, two) != (2, "b")
def test_last(module_leaves_badly): pass
"""
UNITTESTS = r"""
import unittest

class Cases(unittest.TestCase):
    def test_passes(self): pass
    def test_fails(self): self.assertEqual(1, 2)
    @unittest.skip("not here")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_subtests(self):
        for number in range(4):
            with self.subTest("number", number=number):
                if number == 2: self.skipTest("two")
                self.assertNotEqual(number, 3)
    def test_good_subtests(self):
        for number in range(3):
            with self.subTest(number=number): pass

class ClassSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("class")
    def test_never(self): pass
    def test_never_either(self): pass

class ClassTearDown(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): raise RuntimeError("class end")
    def test_passes(self): pass
"""
SUBTESTS = r"""
import pytest
def test_mixed(subtests):
    for number in range(5):
        with subtests.test("ü\udc80", number=number):
            if number == 1: pytest.skip("one")
            if number == 2: pytest.xfail("two")
            assert number != 4
def test_good(subtests):
    for number in range(3):
        with subtests.test(number=number): pass
def test_fails_too(subtests):
    with subtests.test("inner"): assert 0
    assert 0
"""
FLAKY = r"""
import pytest
seen = {}
def attempt(name):
    seen[name] = seen.get(name, 0) + 1
    return seen[name]

@pytest.fixture
def unsteady():
    assert attempt("setup") > 1
@pytest.fixture
def bad_end():
    yield
    assert attempt("teardown") > 1

@pytest.mark.flaky(reruns=3)
def test_third_time(): assert attempt("third") == 3
@pytest.mark.flaky(reruns=2)
def test_never(): assert not attempt("never")
@pytest.mark.flaky(reruns=2)
def test_steady(): pass
@pytest.mark.flaky(reruns=1)
def test_unsteady_setup(unsteady): pass
@pytest.mark.flaky(reruns=1)
def test_bad_end(bad_end): pass
@pytest.mark.flaky(reruns=1)
def test_skips(): pytest.skip("no")
"""
DOCTESTS = r'''
def good():
    """
    >>> 1 + 1
    2
    """
def wrong():
    """
    >>> 1 + 1
    3
    """
def raising():
    """
    >>> 1 / 0
    """
def skipped():
    """
    >>> 1 + 1  # doctest: +SKIP
    3
    """
'''
MODULE_SKIP = 'import pytest\npytest.skip("whole module", allow_module_level=True)\n'
IMPORT_SKIP = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'
MIXED = {
    "test_outcomes.py": OUTCOMES,
    "test_units.py": UNITTESTS,
    "test_subtests.py": SUBTESTS,
    "test_flaky.py": FLAKY,
    "doctests.py": DOCTESTS,
    "doc.txt": ">>> 2 + 2\n5\n",
    "test_module_skip.py": MODULE_SKIP,
    "test_import_skip.py": IMPORT_SKIP,
}
MIXED_LEAST = {
    "passed": 10,
    "failed": 8,
    "skipped": 4,
    "error": 5,
    "xfailed": 4,
    "xpassed": 1,
    "rerun": 4,
    "warnings": 1,
}
MIXED_ARGUMENTS = ("--doctest-modules", "--doctest-glob=*.txt")

GOOD = "def test_one(): pass\ndef test_two(): pass\ndef test_three(): pass\n"
BROKEN = "import no_such_module_anywhere\n"
SYNTAX = "def test_x(:\n"
FAILING = "import pytest\n@pytest.mark.parametrize('n', range(8))\ndef test_number(n): assert n % 2\n"
MARKED = """
import pytest
@pytest.mark.parametrize("n", range(6))
def test_number(n): pass
def test_other(): pass
"""
INTERRUPTED = GOOD + "def test_interrupts(): raise KeyboardInterrupt\ndef test_never(): pass\n"
EXITS = GOOD + "import pytest\ndef test_exits(): pytest.exit('enough', returncode=7)\ndef test_never(): pass\n"
SURROGATES = """
import pytest
@pytest.mark.parametrize("text", ["\\udc80", "日本", "\\ud800x", "plain"], ids=str)
def test_text(text): assert text != "\\udc80"
"""
SILENT = r"""
import multiprocessing, os, subprocess, sys, time
import pytest

def test_the_environment_is_the_projects_own():
    assert not [name for name in os.environ if name.startswith("ATT_")]
    assert "PYTHONPATH" not in os.environ
def test_a_nested_process_is_silent(tmp_path):
    (tmp_path / "test_inner.py").write_text("def test_inner(): assert 0")
    assert subprocess.call([sys.executable, "-m", "pytest", str(tmp_path)]) == 1
def test_a_nested_session_is_silent(tmp_path):
    (tmp_path / "test_inner.py").write_text("def test_inner(): pass")
    assert pytest.main([str(tmp_path), "-p", "att_stream"]) == 0
def test_a_forked_child_is_silent(request):
    pid = os.fork()
    if not pid:
        request.node.ihook.pytest_runtest_logstart(nodeid="child", location=("", 0, ""))
        raise SystemExit(0)
    os.waitpid(pid, 0)
def test_a_forked_worker_is_silent():
    process = multiprocessing.get_context("fork").Process(target=print)
    process.start()
    process.join()
@pytest.fixture
def stopped_clock(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    monkeypatch.setattr(os, "write", lambda *args: 1 / 0)
    monkeypatch.setattr(os, "open", lambda *args: 1 / 0)
    monkeypatch.setattr("json.dumps", lambda *args: 1 / 0)
def test_patched_modules(stopped_clock): pass
def test_closed_descriptors(tmp_path):
    import resource
    for fd in range(3, 64):
        target = "/proc/self/fd/%d" % fd
        if os.path.exists(target) and os.readlink(target).endswith("stream.jsonl"):
            os.close(fd)
            mine = os.open(str(tmp_path / "mine"), os.O_CREAT | os.O_RDWR)
            assert mine == fd
    globals()["mine"] = tmp_path / "mine"
def test_my_file_is_mine():
    assert mine.read_bytes() == b""
"""
RAISES_INSIDE = """
# WITNESS
def pytest_runtest_logfinish(nodeid):
    if "two" in nodeid: raise ValueError("inside")
"""
UNSHOWABLE = r"""
class Unshowable(Exception):
    def __str__(self): raise ValueError("no words")
    __repr__ = __str__
def test_unshowable(): raise Unshowable()
def test_long(): raise ValueError("x" * 300_000)
def test_loud():
    print("z" * 300_000)
    assert 0
def test_surrogate(): raise ValueError("\udc80 ü")
"""

SUITES = {
    "mixed": Suite(MIXED, "failed", MIXED_ARGUMENTS, least=MIXED_LEAST),
    "mixed_verbose_with_reruns": Suite(MIXED, "failed", (*MIXED_ARGUMENTS, "-vv", "--reruns=1"), least=MIXED_LEAST),
    "mixed_on_xdist": Suite(MIXED, "failed", (*MIXED_ARGUMENTS, "-n2"), least={**MIXED_LEAST, "skipped": 3}),
    "good": Suite({"test_good.py": GOOD}, "passed", least={"passed": 3}),
    "good_suite_folder": Suite({"tests/test_good.py": GOOD}, "passed", ("-q",), least={"passed": 3}),
    "collection_errors": Suite(
        {"test_a.py": GOOD, "test_b.py": BROKEN, "test_c.py": SYNTAX}, "collect_error", least={"error": 2}
    ),
    "collection_errors_on_xdist": Suite(
        {"test_a.py": GOOD, "test_b.py": BROKEN}, "failed", ("-n1",), least={"error": 1, "passed": 3}
    ),
    "collection_errors_continued": Suite(
        {"test_a.py": GOOD, "test_b.py": BROKEN},
        "failed",
        ("--continue-on-collection-errors",),
        least={"error": 1, "passed": 3},
    ),
    "unknown_option": Suite({"test_a.py": GOOD}, "usage_error", ("--no-such-option",)),
    "unknown_nodeid": Suite({"test_a.py": GOOD}, "usage_error", targets=("test_a.py::test_nowhere",)),
    "broken_conftest": Suite({"test_a.py": GOOD, "conftest.py": BROKEN}, "usage_error"),
    "nothing_there": Suite({}, "no_tests"),
    "all_deselected": Suite({"test_a.py": MARKED}, "no_tests", ("-k", "nowhere"), least={"deselected": 7}),
    "some_deselected": Suite({"test_a.py": MARKED}, "passed", ("-k", "other"), least={"deselected": 6, "passed": 1}),
    "only_collected": Suite({"test_a.py": GOOD, "pytest.ini": "[pytest]\naddopts = --collect-only\n"}, "no_tests"),
    "only_helped": Suite({"test_a.py": GOOD}, "no_tests", ("--version",)),
    "stopped_at_first_failure": Suite({"test_a.py": FAILING}, "failed", ("-x",), least={"failed": 1}),
    "stopped_at_third_failure": Suite({"test_a.py": FAILING}, "failed", ("--maxfail=3",), least={"failed": 3}),
    "stopped_at_first_failure_on_xdist": Suite({"test_a.py": FAILING}, "failed", ("-n1", "-x"), least={"failed": 1}),
    "interrupted": Suite(
        {"test_a.py": INTERRUPTED},
        "interrupted",
        in_flight=("test_a.py::test_interrupts",),
        phase="call",
        least={"passed": 3},
    ),
    "exited": Suite(
        {"test_a.py": EXITS}, "interrupted", in_flight=("test_a.py::test_exits",), phase="call", least={"passed": 3}
    ),
    "surrogates": Suite(
        {
            "test_a.py": SURROGATES,
            "pytest.ini": "[pytest]\ndisable_test_id_escaping_and_forfeit_all_rights_to_community_support = true\n",
        },
        "failed",
        ("-q",),
        least={"failed": 1, "passed": 2, "error": 1},
    ),
    "silent": Suite({"test_a.py": SILENT}, "passed", least={"passed": 8}),
    "unshowable": Suite({"test_a.py": UNSHOWABLE}, "failed", least={"failed": 4}),
    "pytest_timeout": Suite(
        {"test_a.py": GOOD + "import time\ndef test_slow(): time.sleep(30)\ndef test_after(): pass\n"},
        "failed",
        ("--timeout=0.3", "--timeout-method=signal"),
        least={"failed": 1, "passed": 4},
    ),
    "internal_error": Suite(
        {
            "test_a.py": GOOD,
            "conftest.py": RAISES_INSIDE,
        },
        "internal_error",
        least={"passed": 2},
    ),
    "worker_crash": Suite(
        {"test_a.py": GOOD, "test_b.py": "import os\ndef test_dies(): os._exit(1)\n"},
        "failed",
        ("-n1",),
        least={"failed": 1, "passed": 3},
    ),
}

FIRST_THREE = ("test_a.py::test_one", "test_a.py::test_two", "test_a.py::test_three")


def _crash(body: str, phase: str = "call", arguments: tuple[str, ...] = (), setup: str = "", end: str = "") -> Suite:
    text = (
        f"import ctypes, os, signal, sys, time\nimport pytest\n{GOOD}"
        f"@pytest.fixture\ndef around():\n    {setup or 'pass'}\n    yield\n    {end or 'pass'}\n"
        f"def test_crashes(around):\n    {body}\ndef test_never(): pass\n"
    )
    return Suite(
        {"test_a.py": text},
        "crashed",
        arguments,
        in_flight=("test_a.py::test_crashes",),
        phase=phase,
        finished=FIRST_THREE,
    )


CRASHES = {
    "leaves_with_0": _crash("os._exit(0)"),
    "leaves_with_3": _crash("os._exit(3)"),
    "segfault": _crash("ctypes.string_at(0)"),
    "killed": _crash("os.kill(os.getpid(), signal.SIGKILL)"),
    "abort": _crash("os.abort()"),
    "in_setup": _crash("pass", "setup", setup="os._exit(0)"),
    "in_teardown": _crash("pass", "teardown", end="os._exit(0)"),
    "in_an_attempt": _crash("os._exit(0)", arguments=("--reruns=2",)),
    "timeout_thread": _crash("time.sleep(30)", arguments=("--timeout=0.3", "--timeout-method=thread")),
}
