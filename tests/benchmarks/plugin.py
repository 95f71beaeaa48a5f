"""Measure what the pytest plugin costs: CPU time with it over plain pytest, on 10,000 trivial tests.

Run `python -m tests.benchmarks.plugin [environment ...]`; the best of five interleaved rounds counts, target 1.2.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from att.testing.command import pytest_environment
from tests.support.pytest_envs import ENVIRONMENTS, environment_python

__all__ = ["main", "measured"]

FILES, TESTS_PER_FILE, ROUNDS = 50, 200, 5
TARGET = 1.2


def measured(environment: str, folder: Path) -> list[tuple[float, float]]:
    """Return the CPU seconds of plain pytest and of pytest with the plugin in each round."""
    python = environment_python(environment)
    plain = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [
        (
            _cpu_seconds(plain, folder, dict(os.environ)),
            _cpu_seconds(
                [*plain, "-p", "att_stream"], folder, pytest_environment(os.environ, folder / f"{number}.jsonl", {})
            ),
        )
        for number in range(ROUNDS)
    ]


def _cpu_seconds(command: list[str], folder: Path, env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _seconds(rounds: tuple[float, ...]) -> str:
    return " ".join(f"{seconds:.2f}" for seconds in rounds)


def main(environments: list[str]) -> int:
    """Print one line an environment; return 1 when one is over the target."""
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        body = "\n".join(f"def test_{number}(): pass" for number in range(TESTS_PER_FILE))
        for number in range(FILES):
            (folder / f"test_{number:02}.py").write_text(body)
        for environment in environments or ENVIRONMENTS:
            plain, listened = zip(*measured(environment, folder), strict=True)
            times = min(listened) / min(plain)
            failed |= times > TARGET
            print(f"{environment}: plain {min(plain):.2f} s CPU, with the plugin {times:.3f} x (target {TARGET} x)")
            print(f"  plain {_seconds(plain)}; with the plugin {_seconds(listened)}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
