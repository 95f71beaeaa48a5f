"""Every benchmark, one after another: `make bench`. Ends with 1 when a bar is missed."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ("runtime", "server", "mcp", "plugin", "importers", "testing_large", "logview")


def main() -> int:
    """Run each in a process of its own, so that none pays for what another has imported."""
    commands = [[sys.executable, "-m", f"tests.benchmarks.{name}"] for name in BENCHMARKS]
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
