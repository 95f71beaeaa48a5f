"""Drive a divided test run on a Dask cluster: one task a shard, whose stream and output come back while it runs.

The workers need neither ATT nor a plugin: the task travels with its code. They have to see the project's folder and
its Python under the same paths. The environment of the tests, secrets included, travels through the scheduler.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from att.testing.command import PLUGIN_DIR
from att.testing.driver import remote
from att.testing.driver.ladder import Ladder, Wake
from att.testing.driver.local import collect, drive, durations, stream_environment
from att.testing.driver.orders import Orders, Plan, Result, collect_stream, shard_stream
from att.testing.driver.planning import collected_tests, plan_shards, worst

__all__ = ["main"]

_DASK: Any = importlib.import_module("distributed")  # partly typed
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.2
"""Between two looks at the tasks; a task that has ended is noticed that late."""
PATIENCE_SECONDS = 20.0
"""From the request to stop until workers that do not answer are given up."""


def main() -> None:
    """Drive the run on the cluster."""
    drive(_there)


def _there(orders: Orders, folder: Path, ladder: Ladder, wake: Wake) -> Result:
    try:
        with _connected(orders) as client:
            return collect(orders, folder, ladder, wake) or _on_cluster(client, orders, folder, ladder, wake)
    except (OSError, RuntimeError) as error:
        return Result(None, time.time(), error=f"The shards cannot be run by {orders.scheduler}: {error}")


def _connected(orders: Orders) -> Any:
    """Return a client. Raises OSError when the scheduler does not answer."""
    patience = min(CONNECT_SECONDS, orders.timeout or CONNECT_SECONDS)
    return _DASK.Client(orders.scheduler, timeout=patience, set_as_default=False)


def _on_cluster(client: Any, orders: Orders, folder: Path, ladder: Ladder, wake: Wake) -> Result:
    plan = plan_shards(
        collected_tests(collect_stream(folder)), orders.cwd, orders.targets, durations(orders), orders.shards
    )
    importlib.import_module("cloudpickle").register_pickle_by_value(remote)
    plan.write(folder)
    ended = _Cluster(client, orders, folder).run(plan, ladder, wake)
    codes = [done.get("returncode") for done in ended]
    errors = [done["error"] for done in ended if done.get("error")]
    return Result(
        worst(codes),
        time.time(),
        ladder.timed_out,
        ladder.stopped,
        shards=codes,
        ended=[done.get("ended_at") for done in ended],
        workers=[done.get("worker") for done in ended],
        error=errors[0] if errors else None,
    )


class _Cluster:
    """The tasks of one run. Chunks of streams arrive in the client's own thread, each shard's in order."""

    def __init__(self, client: Any, orders: Orders, folder: Path) -> None:
        self._client = client
        self._orders = orders
        self._folder = folder
        self._topic = f"att-{folder.name}"
        self._stop = _DASK.Event(f"{self._topic}-stop", client=client)
        self._received: dict[int, int] = {}

    def run(self, plan: Plan, ladder: Ladder, wake: Wake) -> list[dict[str, Any]]:
        """Run every shard to its end, and return how each ended."""
        self._client.subscribe_topic(self._topic, self._on_chunk)
        try:
            futures = [self._submit(index, targets) for index, targets in enumerate(plan.targets)]
            self._await(futures, ladder, wake)
            ended = [_outcome(future) for future in futures]
            self._await_chunks(ended)
        finally:
            self._client.unsubscribe_topic(self._topic)
        return ended

    def _submit(self, index: int, targets: list[str]) -> Any:
        environment = stream_environment(Path("unused"))
        task = {
            "index": index,
            "topic": self._topic,
            "command": [*self._orders.python_command, *targets],
            "cwd": self._orders.cwd,
            "env": environment,
            "plugin": (PLUGIN_DIR / "att_stream.py").read_text(),
            "plugin_dir": str(PLUGIN_DIR),
            "ladder": [self._orders.interrupt_seconds, self._orders.terminate_seconds],
        }
        return self._client.submit(remote.run_shard, task, key=f"{self._topic}-{index}", pure=False, retries=0)

    def _await(self, futures: list[Any], ladder: Ladder, wake: Wake) -> None:
        given_up_at = float("inf")
        while not all(future.done() for future in futures) and time.monotonic() < given_up_at:
            if wake.wait(min(LOOK_SECONDS, max(0.0, ladder.pause))):
                ladder.stop()
            ladder.climb([])
            if ladder.entered and given_up_at == float("inf"):
                self._stop.set()
                given_up_at = time.monotonic() + PATIENCE_SECONDS
        if time.monotonic() >= given_up_at:
            self._client.cancel(futures, force=True)

    def _await_chunks(self, ended: list[dict[str, Any]]) -> None:
        """Wait for what is still on its way: the events of a topic may come after the result."""
        deadline = time.monotonic() + CONNECT_SECONDS
        expected = {done["index"]: done["sent"] for done in ended if "sent" in done}
        while any(self._received.get(i, 0) < sent for i, sent in expected.items()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _on_chunk(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, chunk = event
        index, data = chunk["index"], chunk["data"]
        if chunk["stream"] == "events":
            with shard_stream(self._folder, index).open("ab") as file:
                file.write(data)
        else:
            os.write(1, data)
        self._received[index] = self._received.get(index, 0) + 1


def _outcome(future: Any) -> dict[str, Any]:
    """Return how a shard ended; a worker that died leaves a crash."""
    if future.status == "finished":
        found: dict[str, Any] = future.result()
        return found
    if future.status == "error":
        error = future.exception()
        return {} if type(error).__name__ == "KilledWorker" else {"error": f"{type(error).__name__}: {error}"}
    return {}
