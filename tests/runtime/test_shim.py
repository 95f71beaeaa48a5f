"""The shim: every byte is kept, every end is known, and no process stays behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from att.runtime.runlog import RunLog
from att.runtime.segments import SegmentWriter
from tests.runtime.lowlevel import Bench, bench_in, process_gone
from tests.support.waiting import eventually

GRANDCHILD_IGNORES_TERM = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    time.sleep(1000)
time.sleep(1000)
"""
ESCAPEE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
time.sleep(1000)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True)
    if mounted.returncode and not os.environ.get("CI"):
        pytest.skip("mounting a small tmpfs needs root")
    assert mounted.returncode == 0, mounted.stderr
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def first_number(bench: Bench) -> int:
    return int(eventually(lambda: bench.lines())[0].text)


def test_an_exit_code_is_recorded(bench: Bench) -> None:
    run, record = bench.finish("import sys; print('done'); sys.exit(7)")
    assert (record.code, record.signal, record.requested, run.phase()) == (7, None, False, "exited")
    assert record.reason == "Exited with code 7."
    assert (record.stdout_bytes, record.stderr_bytes, record.dropped_bytes) == (5, 0, 0)
    assert record.uptime_seconds is not None
    assert record.max_rss_bytes is not None
    assert record.max_rss_bytes > 1 << 20


def test_a_segmentation_fault_is_signal_11_without_a_code(bench: Bench) -> None:
    _, record = bench.finish("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (record.code, record.signal, record.signal_name) == (None, 11, "SIGSEGV")


def test_the_apps_parent_is_the_shim_which_is_in_a_session_of_its_own(bench: Bench) -> None:
    run = bench.start("import os, time; print(os.getppid(), os.getsid(0), os.getpid(), flush=True); time.sleep(1000)")
    parent, session, pid = map(int, eventually(lambda: bench.lines())[0].text.split())
    state = run.state()
    assert state is not None
    assert (parent, session, pid) == (state.shim_pid, state.pid, state.pid)
    assert os.getsid(state.shim_pid) not in (os.getsid(0), session)


def test_the_program_starts_with_default_signals_and_nothing_on_stdin(bench: Bench) -> None:
    _, record = bench.finish("import os, sys; os.kill(os.getpid(), 15) if sys.stdin.read() == '' else sys.exit(1)")
    assert record.signal == signal.SIGTERM
    _, record = bench.finish("import os; print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0])")
    mask = int(bench.lines()[-1].text, 16)
    # Not among the valid ones are those of the C library, which no program may set back.
    ignored = {number for number in signal.valid_signals() if mask & 1 << (number - 1)}
    assert ignored == {signal.SIGPIPE, signal.SIGXFSZ}  # Python itself ignores these two


def test_only_the_three_standard_descriptors_are_inherited(bench: Bench) -> None:
    bench.finish("import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])")
    assert bench.lines()[0].text == "['0', '1', '2']"


def test_a_stop_ends_the_program_by_sigterm_and_says_that_it_was_asked_for(bench: Bench) -> None:
    run = bench.start("import time; print('up', flush=True); time.sleep(1000)")
    record = run.stop(5)
    assert (record.signal, record.requested, run.phase()) == (15, True, "exited")
    assert record.reason.startswith("Stopped on request")
    assert run.stop(5) == record == run.exit()


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(bench: Bench) -> None:
    run = bench.start(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)"
    )
    eventually(lambda: bench.lines())
    assert run.stop(0.2).signal == signal.SIGKILL


def test_a_program_may_use_its_grace_and_choose_its_code(bench: Bench) -> None:
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(5)); print('up', flush=True); time.sleep(99)"
    )
    run = bench.start(code)
    eventually(lambda: bench.lines())
    assert run.stop(10).code == 5


def test_a_later_request_shortens_the_grace(bench: Bench) -> None:
    code = "import signal, time; signal.signal(15, lambda *_: print('asked', flush=True)); print('up', flush=True)"
    run = bench.start(f"{code}\nwhile True: time.sleep(1000)")
    eventually(lambda: bench.lines())
    run.request_stop(1000)
    eventually(lambda: len(bench.lines()) == 2)
    assert run.stop(0).signal == signal.SIGKILL


@pytest.mark.parametrize("code", [GRANDCHILD_IGNORES_TERM, ESCAPEE], ids=["ignores-term", "escapee"])
def test_no_descendant_survives_a_stop(bench: Bench, code: str) -> None:
    run = bench.start(code)
    grandchild = first_number(bench)
    record = run.stop(5)
    assert process_gone(grandchild)
    assert record.leftovers_killed == 1


def test_leftovers_of_a_program_that_ended_are_killed_and_counted_and_its_code_stays(bench: Bench) -> None:
    code = GRANDCHILD_IGNORES_TERM.rsplit("\n", 2)[0] + "\ntime.sleep(0.3); sys.exit(3)"
    _, record = bench.finish(code)
    assert (record.code, record.leftovers_killed) == (3, 1)
    assert process_gone(first_number(bench))


def test_output_of_leftovers_belongs_to_the_run_and_is_kept(bench: Bench) -> None:
    late = "time.sleep(0.1); print('late', flush=True); os._exit(0)"
    code = f"import os, time\nif os.fork() == 0:\n    {late}\nprint('main')"
    _, record = bench.finish(code)
    assert [line.text for line in bench.lines()] == ["main", "late"]
    assert record.leftovers_killed == 0


def test_the_exit_is_durable_before_the_leftovers_are_gone(bench: Bench) -> None:
    code = GRANDCHILD_IGNORES_TERM.rsplit("\n", 2)[0] + "\ntime.sleep(0.3); sys.exit(3)"
    run = bench.start(code)
    eventually(lambda: b'"code": 3' in (run.path / "exit.part").read_bytes())
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGKILL)
    record = run.wait(20)
    assert record is not None
    assert (record.code, run.phase()) == (3, "lost")
    assert process_gone(first_number(bench))


def test_a_killed_shim_takes_the_program_along_and_leaves_the_run_lost(bench: Bench) -> None:
    run = bench.start("import time; print('up', flush=True); time.sleep(1000)")
    eventually(lambda: bench.lines())
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGKILL)
    eventually(lambda: process_gone(state.pid))
    assert run.phase() == "lost"
    assert [line.text for line in bench.lines()] == ["up"]


def test_a_shim_told_to_end_by_somebody_else_stops_the_program_and_says_so(bench: Bench) -> None:
    run = bench.start("import time; time.sleep(1000)")
    state = run.state()
    assert state is not None
    os.kill(state.shim_pid, signal.SIGTERM)
    record = run.wait(20)
    assert record is not None
    assert (record.signal, record.requested) == (15, False)
    assert "not through ATT" in record.reason


def test_the_log_stays_within_its_bound_and_ends_with_the_newest_line(bench: Bench) -> None:
    limit, segment = 1 << 20, 1 << 16
    code = "import sys\nfor n in range(60000): sys.stdout.write(f'{n:0100}\\n')"
    run, _ = bench.finish(code, log_limit_bytes=limit, segment_bytes=segment)
    assert run.log_bytes() <= limit + segment + limit // 20
    assert run.log_bytes() >= limit - segment
    lines = [int(line.text) for line in bench.lines(limit=10_000)]
    assert lines == list(range(lines[0], 60000))


def test_a_chatty_program_of_tiny_writes_is_bounded_too(bench: Bench) -> None:
    limit, segment = 1 << 16, 1 << 13
    body = "os.write(1, b'.'); os.write(2, b'!'); n % 3 or time.sleep(0.0005)"
    code = f"import os, time\nfor n in range(3000):\n    {body}"
    run, record = bench.finish(code, log_limit_bytes=limit, segment_bytes=segment)
    assert (record.stdout_bytes, record.stderr_bytes) == (3000, 3000)
    assert run.log_bytes() <= limit + segment + limit // 20


def test_on_a_full_disk_the_program_goes_on_and_its_exit_and_the_drops_are_kept(small_disk: Path) -> None:
    with bench_in(small_disk) as bench:
        code = "import os, sys\nfor n in range(40): os.write(1, b'x' * 99_999 + b'\\n')\nsys.exit(7)"
        run, record = bench.finish(code)
        assert record.code == 7
        assert record.stdout_bytes == 4_000_000
        assert record.dropped_bytes is not None
        kept = len(bench.raw())
        assert 0 < kept < 1 << 20
        assert kept + record.dropped_bytes == 4_000_000
        page = bench.logs.read("demo", f"{run.run_id}:0")
        assert page.truncated
        assert run.phase() == "exited"


def test_on_a_full_disk_what_is_kept_is_intact_and_what_is_missing_is_told(small_disk: Path) -> None:
    with bench_in(small_disk) as bench:
        code = "import os\nfor n in range(400):\n    for m in range(100): os.write(1, b'%099d\\n' % (n * 100 + m))"
        run, _ = bench.finish(code)
        position, missing = 0, 0
        for page in bench.pages(f"{run.run_id}:0", limit=10_000):
            missing += page.lost_bytes or 0
            numbers = [int(line.text) for line in page.lines if len(line.text) == 99]
            assert numbers == sorted(numbers)
            assert not numbers or (position <= numbers[0] and numbers[-1] < 40_000)
            position = numbers[-1] + 1 if numbers else position
        assert missing + len(bench.raw()) == 4_000_000


def test_when_there_is_space_again_output_is_kept_again_behind_a_hole_of_the_right_size(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    writer = SegmentWriter(os.fsencode(small_disk), 1 << 20, 1 << 19)
    for data in (b"s" * 1000, b"a" * 100_000, b"b" * 100_000):
        if data.startswith(b"b"):
            ballast.unlink()
        writer.append(0, bytearray(data), memoryview(data), len(data))
    writer.close()
    blocks = list(RunLog(small_disk).blocks(0))
    kept = 100_000 - writer.dropped_bytes
    assert 0 < kept < 100_000
    assert b"".join(block.data for block in blocks) == b"s" * 1000 + b"a" * kept + b"b" * 100_000
    assert [block.offset for block in blocks if block.data.startswith(b"b")] == [101_000]


def test_on_a_full_disk_the_oldest_segments_go_first(small_disk: Path) -> None:
    with bench_in(small_disk) as bench:
        code = "import sys\nfor n in range(40000): sys.stdout.write(f'{n:099}\\n')"
        _, record = bench.finish(code, segment_bytes=64 * 1024)
        lines = [int(line.text) for line in bench.lines(limit=10_000)]
        assert lines[-1] == 39_999
        assert lines[0] > 0
        assert (record.code, record.dropped_bytes) == (0, lines[0] * 100)


def test_a_private_temporary_folder_is_removed_after_the_end(bench: Bench) -> None:
    code = "import os; d = os.environ['TMPDIR']; os.makedirs(d + '/a/b'); open(d + '/a/f', 'w').close(); print(d)"
    bench.finish(code + "; print(oct(os.stat(d).st_mode & 0o777))", private_tmp=True)
    folder, mode = (line.text for line in bench.lines())
    assert mode == "0o700"
    assert not Path(folder).exists()


def test_removing_the_temporary_folder_follows_no_link(bench: Bench, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    bench.finish(
        "import os, sys; os.symlink(sys.argv[1], os.environ['TMPDIR'] + '/link')", str(precious), private_tmp=True
    )
    assert (precious / "file").exists()


def test_the_shim_loads_no_heavy_module(bench: Bench) -> None:
    source = "import sys; sys.path.insert(0, sys.argv[1]); import shim; print(*sys.modules)"
    folder = str(Path(__file__).parents[2] / "att" / "runtime")
    command = [sys.executable, "-I", "-S", "-c", source, folder]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"os", "json", "subprocess", "signal", "enum", "re", "typing", "ctypes"} & set(loaded)


def test_a_descendant_that_is_a_zombie_is_not_counted(bench: Bench) -> None:
    run = bench.start("import os, time\nif os.fork() == 0: os._exit(0)\nprint('up', flush=True); time.sleep(1000)")
    eventually(lambda: bench.lines())
    assert run.stop(5).leftovers_killed == 0


def test_an_idle_shim_uses_no_cpu(bench: Bench) -> None:
    run = bench.start("import time; print('up', flush=True); time.sleep(1000)")
    eventually(lambda: bench.lines())
    state = run.state()
    assert state is not None
    switches = Path(f"/proc/{state.shim_pid}/status")

    def woken() -> str:
        return switches.read_text().split("voluntary_ctxt_switches:")[1].split()[0]

    before = eventually(
        lambda: (first := woken()) and ctypes.CDLL(None).usleep(50_000) == 0 and first == woken() and first
    )
    ctypes.CDLL(None).usleep(300_000)
    assert woken() == before
