"""Measure the runtime beside `cat`, supervisord and pm2 in one run: `python -m tests.benchmarks.runtime [name ...]`.

Prints a table with ratios and bars; exits with 1 when a bar is missed. Rounds are interleaved and medians are compared,
so that a busy machine disturbs everybody alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from att.runtime.launcher import Launcher, LaunchSpec
from att.runtime.logs import ProjectLogs
from tests.benchmarks.support.collectors import Att, Collector, Supervisord, available, environment
from tests.benchmarks.support.meters import cpu_seconds, pss_megabytes, wait_until
from tests.benchmarks.support.table import Row, print_table

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "200"))
POLL_SECONDS = 0.01

WRITER = """
import os, sys, time
size, total, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
data = (b"x" * 99 + b"\\n") * (size // 100 + 1)
data = data[:size - 1] + b"\\n"
open(go).read()
write = os.write
for _ in range(total // size):
    left = write(1, data)
    while left < size:
        left += write(1, data[left:])
time.sleep(1000)
"""
CLOCK = """
import os, time, random
while True:
    time.sleep(random.uniform(0.01, 0.03))
    os.write(1, b"%d\\n" % time.monotonic_ns())
"""
SLEEPER = ["/bin/sleep", "1000"]


def transfer(collector: Collector, folder: Path, size: int) -> tuple[float, float]:
    """Return CPU seconds per GB and MB per second of one program that writes in pieces of `size` bytes."""
    go = folder / "go"
    go.unlink(missing_ok=True)
    os.mkfifo(go)
    total = MEGABYTES * 1_000_000 // size * size
    collector.start([sys.executable, "-S", "-c", WRITER, str(size), str(total), str(go)])
    with go.open("w"):
        before, began = cpu_seconds(collector.pid()), time.perf_counter()
    wait_until(lambda: collector.size() >= total, interval=0.002)
    seconds = time.perf_counter() - began
    time.sleep(0.05)
    used = cpu_seconds(collector.pid()) - before
    collector.stop()
    return used / total * 1e9, total / 1e6 / seconds


def transfers(folder: Path) -> list[Row]:
    """Measure CPU and throughput for large writes, and for one write a line."""
    rows = []
    with available(folder) as collectors:
        for size, what in ((65536, "64 KiB writes"), (100, "line writes")):
            results: dict[str, list[tuple[float, float]]] = {}
            for _ in range(ROUNDS):
                for collector in collectors:
                    results.setdefault(collector.name, []).append(transfer(collector, folder, size))
            cpu = {name: statistics.median(values[0] for values in pairs) for name, pairs in results.items()}
            rate = {name: statistics.median(values[1] for values in pairs) for name, pairs in results.items()}
            bars = {"supervisord": 1.0} if size > 100 else {"supervisord": 0.3, "cat": 0.35}
            rivals = [name for name in results if name != "att"]
            rows += [Row(f"CPU, {what}", cpu["att"], "s/GB", name, cpu[name], bars.get(name)) for name in rivals]
            floors = {"cat": 0.6} if size > 100 else {}
            rows += [
                Row(f"throughput, {what}", rate["att"], "MB/s", name, rate[name], floors.get(name), at_least=True)
                for name in rivals
            ]
    return rows


def latencies(folder: Path) -> list[Row]:
    """Measure how long start and stop of a program take."""
    att, rival = Att(folder), Supervisord(folder)
    rival.start(SLEEPER)
    rival.stop()
    times: dict[str, list[float]] = {"att start": [], "att stop": [], "start": [], "stop": []}
    for _ in range(ROUNDS * 4):
        for prefix, begin, stop in (("", rival.begin, rival.stop), ("att ", lambda: att.start(SLEEPER), att.stop)):
            for name, act in (("start", begin), ("stop", stop)):
                began = time.perf_counter()
                act()
                times[f"{prefix}{name}"].append((time.perf_counter() - began) * 1000)
                time.sleep(0.05)  # a signal that finds supervisord's child before its exec is lost
    att.close()
    rival.close()
    median = {name: statistics.median(values) for name, values in times.items()}
    return [
        Row(f"{name} latency", median[f"att {name}"], "ms", "supervisord", median[name], 4.0)
        for name in ("start", "stop")
    ]


def visibility(folder: Path) -> list[Row]:
    """Measure the time from a write to the line in a page, for a reader that polls."""
    launcher = Launcher(folder / "visibility")
    logs = ProjectLogs(launcher)
    run = launcher.launch("bench", LaunchSpec((sys.executable, "-S", "-c", CLOCK), folder, environment()))
    delays: list[float] = []
    cursor = None
    while len(delays) < 200:
        page = logs.read("bench", cursor)
        seen = time.monotonic_ns()
        delays.extend((seen - int(line.text)) / 1e6 for line in page.lines)
        cursor = page.cursor
        time.sleep(POLL_SECONDS)
    run.stop()
    delays.sort()
    over = statistics.median(delays) - POLL_SECONDS * 1000
    return [
        Row("write to visible, p50 over the poll", over, "ms", bar=2.0),
        Row("write to visible, p99", delays[int(len(delays) * 0.99)], f"ms at a poll of {POLL_SECONDS * 1000:g} ms"),
    ]


def footprint(folder: Path) -> list[Row]:
    """Measure the memory of shims and what they use while nothing happens."""
    launcher = Launcher(folder / "footprint")
    spec = LaunchSpec(("/bin/sleep", "1000"), folder, environment())
    runs = [launcher.launch("bench", spec) for _ in range(10)]
    pids = [state.shim_pid for state in (run.state() for run in runs) if state is not None]
    time.sleep(0.2)
    before = sum(map(cpu_seconds, pids))
    time.sleep(3)
    idle = sum(map(cpu_seconds, pids)) - before
    memory = statistics.mean(map(pss_megabytes, pids))
    for run in runs:
        run.stop()
    return [
        Row("PSS of one of 10 shims", memory, "MB", bar=5.0),
        Row("idle CPU of 10 shims in 3 s", idle, "s", bar=0.0),
    ]


BENCHMARKS: dict[str, Callable[[Path], list[Row]]] = {
    "transfers": transfers,
    "latencies": latencies,
    "visibility": visibility,
    "footprint": footprint,
}
"""Each is given a folder of its own and returns rows of the table."""


def main() -> int:
    """Run the named benchmarks (all without a name) and print one table."""
    rows: list[Row] = []
    for name in sys.argv[1:] or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows += BENCHMARKS[name](Path(folder))
    print_table(rows)
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
