"""Runs an MCP server so that nothing of it outlives ATT: `python -I -S leash.py PROGRAM ARGUMENT...`

Stands between ATT and the program as the leader of their process group, and touches neither input nor output. When
ATT dies, however it dies, the kernel tells this process (Linux), which kills the group; the same happens to what the
program leaves behind when it ends. Its first words on standard error are a zero byte and its process id. Uses nothing
but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> None:
    """Run the command, and kill its group when it or the parent has ended."""
    parent = os.getppid()
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # whoever runs this by hand is no part of what is killed
    signal.signal(signal.SIGUSR1, lambda *_: _kill_group())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
        if os.getppid() != parent:
            return
    os.write(2, b"\0%d\n" % os.getpid())
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - an argument list, never a shell
    # The program alone holds the pipes from now on, so that their ends are seen.
    for stream in (0, 1, 2):
        os.close(stream)
    os.waitpid(pid, 0)
    _kill_group()


def _kill_group() -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
