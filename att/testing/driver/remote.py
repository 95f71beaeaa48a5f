"""One shard as a Dask task. Travels by value: it may use the standard library and `distributed`, nothing of ATT."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["run_shard"]

LOOK_SECONDS = 0.2
CHUNK_BYTES = 1 << 20


def run_shard(task: dict[str, Any]) -> dict[str, Any]:
    """Run pytest over the shard, send what it writes while it runs, and return how it ended.

    Ends it when the driver asks for that, and when the driver or the scheduler is gone.
    """
    distributed: Any = importlib.import_module("distributed")
    worker = distributed.get_worker()
    key = worker.get_current_task()
    stop = distributed.Event(f"{task['topic']}-stop")
    with tempfile.TemporaryDirectory(prefix="att-shard-") as name:
        sender = _Sender(worker, task, Path(name))
        process = _start(task, Path(name))
        try:
            _until_ended(process, sender, stop, worker, key, task["ladder"])
            ended_at = time.time()
        finally:
            _kill(process)
        sender.send()
        return {
            "index": task["index"],
            "returncode": process.wait(),
            "ended_at": ended_at,
            "sent": sender.sent,
            "worker": worker.address,
        }


class _Sender:
    """Sends the files of the shard piece by piece."""

    def __init__(self, worker: Any, task: dict[str, Any], folder: Path) -> None:
        self._worker = worker
        self._topic, self._index = task["topic"], task["index"]
        self._offsets = {folder / "events": 0, folder / "output": 0}
        self.sent = 0

    def send(self) -> None:
        for path, offset in self._offsets.items():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(offset)
                while data := file.read(CHUNK_BYTES):
                    self._offsets[path] += len(data)
                    chunk = {"index": self._index, "stream": path.name, "data": data}
                    self._worker.log_event(self._topic, chunk)
                    self.sent += 1


def _start(task: dict[str, Any], folder: Path) -> subprocess.Popen[bytes]:
    plugin = folder / "plugin"
    plugin.mkdir()
    (plugin / "att_stream.py").write_text(task["plugin"])
    env = {**task["env"], "ATT_TEST_STREAM": str(folder / "events")}
    paths = env.get("PYTHONPATH", "").split(os.pathsep)
    env["PYTHONPATH"] = os.pathsep.join(str(plugin) if path == task["plugin_dir"] else path for path in paths)
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            task["command"],
            cwd=task["cwd"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _until_ended(
    process: subprocess.Popen[bytes], sender: _Sender, stop: Any, worker: Any, key: str, ladder: list[float]
) -> None:
    rungs = [(signal.SIGINT, ladder[0]), (signal.SIGTERM, ladder[1]), (signal.SIGKILL, 1.0)]
    due = None
    while process.poll() is None:
        sender.send()
        if due is None and (_asked(stop) or _abandoned(worker, key)):
            due = time.monotonic()
        if due is not None and time.monotonic() >= due and rungs:
            number, pause = rungs.pop(0)
            due = time.monotonic() + pause
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number) if number == signal.SIGINT else os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_SECONDS)


def _asked(stop: Any) -> bool:
    try:
        return bool(stop.is_set())
    except Exception:  # noqa: BLE001 - a scheduler that is gone asks for an end in its way
        return True


def _abandoned(worker: Any, key: str) -> bool:
    """Say whether nobody waits for the result any more."""
    state = worker.state.tasks.get(key)
    return state is None or state.state == "cancelled" or worker.status.name in ("closing", "closed", "failed")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End what the shard has left in its session; others cannot be told from the worker's own children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
