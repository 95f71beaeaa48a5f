"""Drive a test run on this machine: the main process of the run, which keeps the deadline whoever else dies."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from att.testing.driver.ladder import Ladder, Suite, Wake
from att.testing.driver.orders import Orders, Result, collect_stream, shard_stream
from att.testing.driver.planning import collected_tests, plan_shards, worst

__all__ = ["collect", "drive", "durations", "exit_code", "main", "stream_environment"]

STREAM_VARIABLE = "ATT_TEST_STREAM"
COLLECTING = ["--collect-only", "-qq"]
TIMED_OUT = 124
CANNOT_RUN = 126


def main() -> None:
    """Drive the run on this machine."""
    drive(_here)


def drive(work: Callable[[Orders, Path, Ladder, Wake], Result]) -> NoReturn:
    """Carry out the orders in the first argument by `work`, write the result, and exit like pytest."""
    orders = Orders.from_json(sys.argv[1])
    folder = Path(orders.runs_dir) / os.environ[orders.run_variable]
    ladder = Ladder(orders.timeout, orders.interrupt_seconds, orders.terminate_seconds)
    began = time.time()
    _finish(orders, work(orders, folder, ladder, Wake()), began, folder)


def _here(orders: Orders, folder: Path, ladder: Ladder, wake: Wake) -> Result:
    try:
        return _divided(orders, folder, ladder, wake) if orders.shards > 1 else _whole(orders, folder, ladder, wake)
    except OSError as error:
        return Result(None, time.time(), error=f"{orders.python_command[0]} cannot be run: {error.strerror}")


def _whole(orders: Orders, folder: Path, ladder: Ladder, wake: Wake) -> Result:
    suite = Suite([*orders.python_command, *orders.targets], orders.cwd, stream_environment(shard_stream(folder, 0)))
    ladder.until_ended([suite], wake)
    return Result(suite.returncode, time.time(), ladder.timed_out, ladder.stopped)


def _divided(orders: Orders, folder: Path, ladder: Ladder, wake: Wake) -> Result:
    result = collect(orders, folder, ladder, wake)
    if result is not None:
        return result
    plan = plan_shards(
        collected_tests(collect_stream(folder)), orders.cwd, orders.targets, durations(orders), orders.shards
    )
    plan.write(folder)
    suites = [
        Suite([*orders.python_command, *targets], orders.cwd, stream_environment(shard_stream(folder, index)))
        for index, targets in enumerate(plan.targets)
    ]
    ladder.until_ended(suites, wake)
    codes, ended = [suite.returncode for suite in suites], [suite.ended_at for suite in suites]
    return Result(worst(codes), time.time(), ladder.timed_out, ladder.stopped, shards=codes, ended=ended)


def collect(orders: Orders, folder: Path, ladder: Ladder, wake: Wake) -> Result | None:
    """Let pytest collect; return the result when that is the end of the run, as it is when a file cannot be read."""
    command = [*orders.python_command, *COLLECTING, *orders.targets]
    suite = Suite(command, orders.cwd, stream_environment(collect_stream(folder)))
    ladder.until_ended([suite], wake)
    if suite.returncode == 0 and not ladder.entered and collected_tests(collect_stream(folder)).files:
        return None
    return Result(suite.returncode, time.time(), ladder.timed_out, ladder.stopped, collect_only=True)


def _finish(orders: Orders, result: Result, began: float, folder: Path) -> NoReturn:
    """Add what the run measured, write the result, and exit."""
    from att.testing.coverage import fail_under, measured_percent

    root = Path(orders.cwd)
    # Each shard writes over the report of the others: none tells of all.
    percent = None if len(result.shards) > 1 else measured_percent(root, orders.python_command, began)
    threshold = None if percent is None else fail_under(root, orders.python_command)
    replace(result, coverage_percent=percent, fail_under=threshold).write(folder)
    sys.exit(exit_code(result))


def durations(orders: Orders) -> Mapping[str, float]:
    """Return earlier seconds by nodeid; none when there is no history."""
    if orders.durations is None:
        return {}
    try:
        found: dict[str, float] = json.loads(Path(orders.durations).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def stream_environment(stream: Path) -> dict[str, str]:
    """Return the environment of pytest: the driver's own, and where the plugin writes to."""
    return {**os.environ, STREAM_VARIABLE: str(stream)}


def exit_code(result: Result) -> int:
    """Return what the driver exits with: pytest's code, as far as an exit code can tell."""
    if result.timed_out:
        return TIMED_OUT
    if result.returncode is None:
        return CANNOT_RUN
    return result.returncode if result.returncode >= 0 else 128 - result.returncode


if __name__ == "__main__":
    main()
