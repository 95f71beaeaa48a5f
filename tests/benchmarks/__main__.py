"""Every benchmark of this folder, one after another: `make bench`. Ends with 1 when a bar is missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run each in a process of its own, so that none pays for what another has imported."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    commands = [[sys.executable, "-m", f"tests.benchmarks.{name}"] for name in names]
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
