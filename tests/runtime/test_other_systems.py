"""On a system without POSIX, importing works and starting says plainly that it is not supported."""

from __future__ import annotations

import subprocess
import sys

from att.runtime.runlog import RECORD_BYTES
from att.runtime.segments import RECORD_BYTES as WRITTEN_BYTES

WITHOUT_POSIX = """
import importlib, os, pathlib, signal, sys, tempfile
import posix
# These know Windows themselves.
import mcp.client.stdio, mcp.client.streamable_http
import att, sqlalchemy, pydantic, psutil, traitlets, jupyter_core.paths, logging, sqlite3
sys.modules["nt"] = posix
for name in ("fcntl", "posix", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
for name in ("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "fork", "killpg", "setsid", "register_at_fork"):
    delattr(os, name)
for name in ("SIGKILL", "SIGBUS", "SIGXCPU", "SIGXFSZ", "SIGCHLD", "SIGHUP"):
    delattr(signal, name)
for name in ("client.session", "client.discovery", "domains", "surfaces.rest", "cli", "runtime.launcher", "workspace"):
    importlib.import_module(f"att.{name}")

import att.mcp_hub, pkgutil
for module in pkgutil.iter_modules(att.mcp_hub.__path__):
    importlib.import_module(f"att.mcp_hub.{module.name}")

from att.runtime.launcher import Launcher, LaunchSpec
folder = pathlib.Path(tempfile.gettempdir())
for start in (
    lambda: att.connect(embedded=True, data_dir=folder / "none"),
    lambda: Launcher(folder).launch("demo", LaunchSpec(command=(sys.executable,), cwd=folder)),
):
    try:
        start()
    except att.NotSupported as error:
        print(error)
"""


def test_importing_works_and_starting_says_that_it_is_not_supported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == second
    assert "only on POSIX systems" in first
    assert "att.connect(url)" in first


def test_reader_and_writer_of_a_log_agree_on_the_size_of_a_record() -> None:
    assert RECORD_BYTES == WRITTEN_BYTES
