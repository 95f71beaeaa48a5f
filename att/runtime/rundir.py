"""One run on disk: who runs it, whether it lives, how it ended, and how to stop it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from att.errors import TimedOut
from att.locking import LOCK_EX, LOCK_NB, LOCK_SH, flock
from att.runtime import proctree
from att.runtime.exits import exit_record
from att.runtime.models import ExitRecord
from att.runtime.runids import run_created_at
from att.runtime.spec import LaunchSpec
from att.runtime.watch import RunWatch

__all__ = ["RUN_MARK", "RunDirectory", "RunPhase", "RunState", "RunWatch"]

RunPhase = Literal["running", "exited", "lost"]

RUN_MARK = "_ATT_RUN"
"""Variable in a child's environment that names its run, by which what a lost run left behind is known."""

SHIM_MARGIN_SECONDS = 20.0
_SWEEP_SECONDS = 5.0


@dataclass(frozen=True)
class RunState:
    """Who runs it: written once by the shim after the program was executed."""

    run_id: str
    shim_pid: int
    shim_start_ticks: int | None
    pid: int
    start_ticks: int | None
    boot_id: str
    host: str
    started_at: datetime

    def is_here(self) -> bool:
        """Say whether this machine is still in the boot that the pids belong to."""
        return self.boot_id == proctree.boot_id() and self.host == proctree.host_name()


class RunDirectory:
    """A run directory: `lock`, `spec.json`, `state.json`, `log/`, `stop`, `exit.json`.

    Holds no state of its own; any number of processes may look at the same run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunDirectory) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def run_id(self) -> str:
        """Sortable id of the run; the name of the folder."""
        return self.path.name

    @property
    def project(self) -> str:
        """Id of the project that the run belongs to."""
        return self.path.parent.parent.name

    @property
    def log_dir(self) -> Path:
        """Folder of the log segments."""
        return self.path / "log"

    def spec(self) -> LaunchSpec:
        """Return what was launched; `env` is empty, since environments hold secrets and are never stored."""
        return LaunchSpec.from_json((self.path / "spec.json").read_text())

    def known_spec(self) -> LaunchSpec | None:
        """Return what was launched; None when its start was cut short, or it was deleted."""
        try:
            return self.spec()
        except (FileNotFoundError, ValueError):
            return None

    def created_at(self) -> datetime:
        """Return when the run was created, from its id."""
        return run_created_at(self.run_id)

    def state(self) -> RunState | None:
        """Return who runs it, or None while it is being started."""
        values = self._json("state.json")
        if values is None:
            return None
        started_at = datetime.fromtimestamp(values.pop("started_ns") / 1e9, UTC)
        known = {name: values[name] for name in RunState.__dataclass_fields__ if name in values}
        return RunState(**{**known, "run_id": self.run_id, "started_at": started_at})

    def alive(self) -> bool:
        """Say whether the shim holds the run's lock, the only proof of life."""
        with self._lock(LOCK_SH) as free:
            return not free

    def phase(self) -> RunPhase:
        """Return `running`, `exited` (with an exit record) or `lost`."""
        facts = self.exit_facts()
        if facts is None and self.alive():
            return "running"
        facts = facts or self.exit_facts()  # it may have ended between the two looks
        return "lost" if facts is None or facts.get("lost") else "exited"

    def exit(self) -> ExitRecord | None:
        """Return how the run ended, or None while it runs or when nobody recorded the end yet."""
        facts = self.exit_facts()
        return None if facts is None else exit_record(facts, self.created_at())

    def exit_facts(self) -> dict[str, Any] | None:
        """Return the raw content of `exit.json`; None when there is none."""
        return self._json("exit.json")

    def stopping(self) -> bool:
        """Say whether somebody has asked this run to stop (durable stop intent)."""
        return bool(proctree.read_file(os.fsencode(self.path / "stop")).strip())

    def request_stop(self, grace_seconds: float | None = None) -> None:
        """Write the stop intent, then signal the shim, which does the rest even if this process dies.

        `grace_seconds` None takes the spec's. A later request may shorten the grace, never lengthen it. Harmless on a
        run that has ended.
        """
        if self.phase() != "running":
            return
        grace = self._grace(grace_seconds)
        with contextlib.suppress(FileNotFoundError):  # ended and deleted since
            proctree.write_file(os.fsencode(self.path / "stop"), f"{grace:.3f}".ljust(32).encode(), 0)
            self.signal_shim()

    def signal_shim(self) -> None:
        """Make the shim look at the stop intent; one that is still starting looks by itself."""
        state = self.state()
        if state is not None and state.is_here() and self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.shim_pid, signal.SIGTERM)

    def stop(self, grace_seconds: float | None = None) -> ExitRecord:
        """Stop the run, wait until nothing of it is left, and return its exit record; idempotent.

        Raises TimedOut when the shim did not finish within the grace and a margin.
        """
        self.request_stop(grace_seconds)
        grace = self._grace(grace_seconds)
        record = self.wait(grace + SHIM_MARGIN_SECONDS)
        if record is None:
            raise TimedOut(
                f"Run {self.run_id} has not ended {grace:g} s and a margin after its stop; stop it again.",
                run_id=self.run_id,
            )
        return record

    def _grace(self, wanted: float | None) -> float:
        return (self.known_spec() or LaunchSpec).grace_seconds if wanted is None else wanted

    def wait(self, timeout: float | None = None) -> ExitRecord | None:
        """Wait for the end of the run; None when `timeout` seconds passed first. A lost run is recorded as lost."""
        if self.exit_facts() is None:
            with self.watch() as watch:
                if not watch.wait(timeout):
                    return None
            if self.exit_facts() is None:
                self.record_loss()
        return self.exit()

    def watch(self) -> RunWatch:
        """Return descriptors that wake an event loop at the end of the run. Close it."""
        state = self.state()
        if state is None or not state.is_here():
            return RunWatch(None, None, self.alive)
        return RunWatch((state.pid, state.start_ticks), (state.shim_pid, state.shim_start_ticks), self.alive)

    def log_bytes(self) -> int:
        """Return how many bytes of log are kept on disk."""
        total = 0
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.log_dir):
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat().st_size
        return total

    def delete(self) -> None:
        """Delete an ended run so that others see it whole or not at all, and cannot write into what is left of it."""
        grave = self.path.with_name(f".deleted-{self.run_id}")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def record_loss(self) -> bool:
        """Record that the shim is gone, after ending what it left; False if the run lives, has a record or is deleted.

        Processes are ended only if this is the boot and the host of the record, and only those with the recorded pid
        and start time or with the run's mark in their environment.
        """
        with self._lock(LOCK_EX) as free:
            if not free or self.exit_facts() is not None:
                return False
            state = self.state()
            swept = self._sweep(state) if state is not None and state.is_here() else 0
            facts = self._json("exit.part") or {"requested": self.stopping()}
            if state is not None:
                facts.setdefault("started_ns", int(state.started_at.timestamp() * 1e9))
            facts |= {"lost": True, "leftovers_killed": facts.get("leftovers_killed", 0) + swept}
            self._remove_private_tmp()
            part = self.path / "exit.lost"
            try:
                proctree.write_file(os.fsencode(part), json.dumps(facts).encode())
                part.rename(self.path / "exit.json")
            except FileNotFoundError:
                return False
            return True

    def _sweep(self, state: RunState) -> int:
        """Kill what is left of a lost run until nothing is; return how many processes that were."""
        killed: set[int] = set()
        deadline = time.monotonic() + _SWEEP_SECONDS
        while (left := self._remains(state)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            killed.update(left)
            time.sleep(0.01)
        return len(killed)

    def _remains(self, state: RunState) -> list[int]:
        mark = f"{RUN_MARK}={self.run_id}".encode()
        found = []
        for pid in proctree.own_processes():
            stat = proctree.process_stat(pid)
            if stat is None or stat[0] in b"ZX":
                continue
            recorded = (pid, stat[2]) == (state.pid, state.start_ticks)
            if recorded or mark in proctree.read_file(b"/proc/%d/environ" % pid).split(b"\0"):
                found.append(pid)
        return found

    def _remove_private_tmp(self) -> None:
        folder = (self._json("spec.json") or {}).get("private_tmp_dir")
        if folder:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self, kind: int) -> Iterator[bool]:
        """Try to hold the run's lock without waiting; yield whether it was free."""
        try:
            fd = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            yield True
            return
        try:
            yield _try_flock(fd, kind)
        finally:
            os.close(fd)

    def _json(self, name: str) -> dict[str, Any] | None:
        """Return the object in a file of the run, or None when it is missing, reserved, or torn by a power failure."""
        try:
            value = json.loads((self.path / name).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None


def _try_flock(fd: int, kind: int) -> bool:
    """Take a flock if no shim holds it; somebody who only looks holds it for a moment, hence more than one try."""
    for _attempt in range(5 if kind == LOCK_EX else 1):
        try:
            flock(fd, kind | LOCK_NB)
        except BlockingIOError:
            time.sleep(0.002 if kind == LOCK_EX else 0)
        else:
            return True
    return False
