"""Source distributions of real projects, fetched once under `.cache/sdists` and kept between runs."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tarfile
from pathlib import Path

__all__ = ["unpacked_sdist"]

CACHE = Path(__file__).parents[2] / ".cache" / "sdists"


def unpacked_sdist(name: str, version: str, folder: Path) -> Path:
    """Unpack the source distribution of a release into `folder`, and return its root."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{name}-{version}.tar.gz"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            words = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(CACHE)]
            subprocess.run([sys.executable, "-m", "pip", *words, f"{name}=={version}"], check=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / f"{name}-{version}"
