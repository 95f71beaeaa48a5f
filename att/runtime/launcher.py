"""Start processes that outlive a request, one run directory and one shim each, and find them again."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from att.errors import ATTError, Busy, Invalid, NotFound, StartFailed
from att.locking import LOCK_EX, LOCK_NB, flock, require_posix
from att.runtime import proctree
from att.runtime.rundir import RUN_MARK, RunDirectory
from att.runtime.runids import is_run_id, new_run_id
from att.runtime.spec import MIB, LaunchSpec, child_environment

__all__ = ["Adoption", "LaunchSpec", "Launcher", "child_environment"]

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BOOT = """import sys
sys.path.sort(key=lambda folder: 'dynload' not in folder)  # the standard library's own folder need not be listed
sys.path.insert(0, sys.argv[1])
import shim
shim.main()"""
_START_SECONDS = 30.0
_STOP_BYTES = 32


@dataclass(frozen=True)
class Adoption:
    """What was found on opening a project: `lost` are those whose loss was recorded by this call."""

    alive: list[RunDirectory]
    exited: list[RunDirectory]
    lost: list[RunDirectory]


class Launcher:
    """Starts runs below `<projects_dir>/<project>/runs/` and finds them again after a restart.

    Safe to use from several threads and processes: a start, a prune and an adoption hold the project's flock. `_held`
    remembers, for each thread, which projects' locks it holds.
    """

    def __init__(self, projects_dir: Path) -> None:
        self.projects_dir = projects_dir
        self._held = threading.local()

    def runs_dir(self, project: str) -> Path:
        """Return the folder of the project's runs. Raises Invalid for a name that could leave the data directory."""
        if _PROJECT.fullmatch(project) is None:
            raise Invalid(f"{project!r} is not a project id: use letters, digits, '.', '_' and '-'.", project=project)
        return self.projects_dir / project / "runs"

    @contextmanager
    def project_lock(self, project: str, timeout: float = 30.0) -> Iterator[None]:
        """Hold the project's lock, which every start takes; re-entrant within a thread.

        Hold it around "is one running? no: launch". Raises Busy when another holder keeps it for `timeout` seconds.
        """
        held: set[str] = self._held.__dict__.setdefault("projects", set())
        if project in held:
            yield
            return
        folder = self.runs_dir(project).parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _flock(fd, project, timeout)
            held.add(project)
            try:
                yield
            finally:
                held.discard(project)
        finally:
            os.close(fd)

    def launch(self, project: str, spec: LaunchSpec, announce: Callable[[str], None] | None = None) -> RunDirectory:
        """Start a run and return once the program was really executed.

        Takes the project's lock; whether one already runs is the caller's question, asked under the same lock.
        `announce` is told the run's id before anybody can see the run, and what it raises keeps it from being started.
        Raises StartFailed with the cause in `details["reason"]` (`missing_executable`, `not_executable`,
        `exec_format`, `missing_cwd`, `shim`), Invalid, Busy, and NotSupported on Windows.
        """
        require_posix()
        executable = _check(spec)
        with self.project_lock(project):
            runs = self.runs(project)
            run = RunDirectory(self.runs_dir(project) / new_run_id(runs[-1].run_id if runs else None))
            if announce is not None:
                announce(run.run_id)
            tmp = tempfile.mkdtemp(prefix="att-") if spec.private_tmp else ""
            try:
                _start(run, spec, executable, tmp)
            except StartFailed:
                _discard(run, tmp)
                raise
            except BaseException:  # interrupted: the program may run already
                with contextlib.suppress(ATTError):
                    run.stop(0)
                if not run.alive():
                    _discard(run, tmp)
                raise
            return run

    def runs(self, project: str, kind: str | None = None) -> list[RunDirectory]:
        """Return the kept runs of the project (of one kind), oldest first."""
        try:
            names = sorted(entry.name for entry in self.runs_dir(project).iterdir() if is_run_id(entry.name))
        except FileNotFoundError:
            return []
        runs = [RunDirectory(self.runs_dir(project) / name) for name in names]
        return runs if kind is None else [run for run in runs if _kind(run) == kind]

    def latest(self, project: str, kind: str = "app") -> RunDirectory | None:
        """Return the newest run of a kind, or None."""
        return next((run for run in reversed(self.runs(project)) if _kind(run) == kind), None)

    def run(self, project: str, run_id: str) -> RunDirectory:
        """Return one run. Raises NotFound."""
        run = RunDirectory(self.runs_dir(project) / run_id)
        if not is_run_id(run_id) or not run.path.is_dir():
            raise NotFound.named("run", run_id, [run.run_id for run in self.runs(project)])
        return run

    def prune(self, project: str, keep_runs: int = 10, keep_bytes: int = 256 * MIB) -> list[str]:
        """Delete old ended runs and return their ids: of each kind those before the last `keep_runs`, then the oldest
        until the logs fit into `keep_bytes`. Never a live run, nor the latest of a kind.
        """
        with self.project_lock(project):
            for leftover in self.runs_dir(project).glob(".deleted-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            newer: dict[str | None, int] = {}
            used = 0
            deleted = []
            for run in reversed(self.runs(project)):
                rank = newer[_kind(run)] = newer.get(_kind(run), 0) + 1
                used += run.log_bytes()
                if rank > 1 and (rank > keep_runs or used > keep_bytes) and not run.alive():
                    run.delete()
                    deleted.append(run.run_id)
            return deleted[::-1]

    def adopt(self, project: str) -> Adoption:
        """Look at every run after a restart; record the lost ones and sweep what they left running.

        A lost run's processes are killed only if pid, start time, boot id and host match the record. A stop that was
        intended but not yet begun is begun.
        """
        found = Adoption([], [], [])
        with self.project_lock(project):
            for run in self.runs(project):
                if run.phase() == "running":
                    found.alive.append(run)
                    if run.stopping():
                        run.signal_shim()
                elif run.record_loss():
                    found.lost.append(run)
                else:
                    found.exited.append(run)
        return found


def _discard(run: RunDirectory, tmp: str) -> None:
    run.delete()
    if tmp:
        shutil.rmtree(tmp, ignore_errors=True)


def _kind(run: RunDirectory) -> str | None:
    spec = run.known_spec()
    return None if spec is None else spec.kind


def _flock(fd: int, project: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Busy(
                    f"Project {project!r} is being started, stopped or cleaned elsewhere; try again.", project=project
                ) from None
            time.sleep(0.01)
        else:
            return


def _check(spec: LaunchSpec) -> str:
    """Return the executable's path. Raises StartFailed and Invalid for what can be known before the start."""
    if not spec.command or any("\0" in text for text in (*spec.command, *spec.env, *spec.env.values())):
        raise Invalid("A command is a list of at least one argument, and nothing in it or its environment holds NUL.")
    if not spec.cwd.is_dir():
        raise _failed(spec, "missing_cwd", f"The folder {spec.cwd} does not exist; create it or change the path.")
    name = spec.command[0]
    if "/" in name:
        path = spec.cwd / name
        if not path.is_file():
            raise _failed(
                spec, "missing_executable", f"There is no program {path}; check the command's first argument."
            )
        if not os.access(path, os.X_OK):
            raise _failed(
                spec, "not_executable", f"{path} is not executable; run chmod +x on it, or run it by its interpreter."
            )
        return str(path)
    found = shutil.which(name, path=spec.env.get("PATH", os.defpath))
    if found is None:
        raise _failed(
            spec,
            "missing_executable",
            f"There is no program {name!r} on the project's PATH; install it or give its full path.",
        )
    return str(spec.cwd.absolute() / found)


def _failed(spec: LaunchSpec, reason: str, message: str) -> StartFailed:
    return StartFailed(message, reason=reason, command=list(spec.command), cwd=str(spec.cwd))


def _start(run: RunDirectory, spec: LaunchSpec, executable: str, tmp: str) -> None:
    """Make the run's folder and hand it, with its lock already held, to a shim of its own. Raises StartFailed."""
    run.path.parent.mkdir(exist_ok=True, mode=0o700)
    run.path.mkdir(mode=0o700)
    lock = os.open(run.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flock(lock, LOCK_EX)
        proctree.write_file(os.fsencode(run.path / "shim.err"), b"")
        with (run.path / "shim.err").open("ab") as errors, _spawn_shim(lock, errors.fileno()) as shim:
            _furnish(run, spec, tmp)  # while the interpreter starts
            answer = _converse(shim, _orders(run, spec, executable, tmp, lock))
    finally:
        os.close(lock)
    if not answer.startswith("ok "):
        raise _refusal(run, spec, executable, answer)


def _spawn_shim(lock: int, errors: int) -> subprocess.Popen[bytes]:
    python = getattr(sys, "_base_executable", None) or sys.executable
    settings = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.Popen(
        [python, "-I", "-S", "-c", _BOOT, str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd="/",
        env={**settings, "LC_CTYPE": "C.UTF-8"},
        pass_fds=(lock,),
        start_new_session=True,
        bufsize=0,
    )


def _furnish(run: RunDirectory, spec: LaunchSpec, tmp: str) -> None:
    """Write the specification, and room for a stop intent that a full disk cannot take away."""
    run.log_dir.mkdir(mode=0o700)
    text = spec.to_json(private_tmp_dir=tmp)
    proctree.write_file(os.fsencode(run.path / "spec.json"), text.encode())
    proctree.write_file(os.fsencode(run.path / "stop"), b" " * _STOP_BYTES)


def _orders(run: RunDirectory, spec: LaunchSpec, executable: str, tmp: str, lock: int) -> bytes:
    env = {**spec.env, RUN_MARK: run.run_id, **({"TMPDIR": tmp} if tmp else {})}
    numbers = (spec.grace_seconds, lock, spec.log_limit_bytes, spec.segment_bytes, len(spec.command))
    head = (str(run.path.absolute()), str(spec.cwd.absolute()), executable, tmp, *map(str, numbers))
    fields = (*head, *spec.command, *(f"{name}={value}" for name, value in env.items()))
    return b"".join(os.fsencode(field) + b"\0" for field in fields)


def _converse(shim: subprocess.Popen[bytes], orders: bytes) -> str:
    """Send the orders and return the shim's answer; empty when it died."""
    if shim.stdin is None or shim.stdout is None:
        raise TypeError("the shim's pipes are missing")
    try:
        view = memoryview(orders)
        while view:
            view = view[shim.stdin.write(view) or 0 :]
        shim.stdin.close()
    except BrokenPipeError:
        return ""
    ready, _, _ = select.select([shim.stdout], [], [], _START_SECONDS)
    return shim.stdout.read().decode() if ready else f"shim {errno.ETIMEDOUT}"


def _refusal(run: RunDirectory, spec: LaunchSpec, executable: str, answer: str) -> StartFailed:
    """Say why the program could not be executed, and what to do."""
    stage, _, number = answer.partition(" ")
    cause = os.strerror(int(number)) if number else (run.path / "shim.err").read_text(errors="replace")[-2000:]
    if stage == "chdir":
        return _failed(spec, "missing_cwd", f"Cannot enter the folder {spec.cwd}: {cause}.")
    if stage == "exec":
        reason, hint = {
            errno.ENOENT: ("missing_executable", "the interpreter that its first line names does not exist"),
            errno.ENOEXEC: ("exec_format", "it is neither a program of this machine nor a script with a #! line"),
            errno.EACCES: ("not_executable", "it, or the interpreter in its first line, may not be executed"),
        }.get(int(number), ("shim", "the kernel refused it"))
        return _failed(spec, reason, f"Cannot execute {executable}: {hint} ({cause}).")
    return _failed(spec, "shim", f"The process that looks after the run could not start: {cause or 'it died'}.")
