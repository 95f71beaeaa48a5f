"""Where the shards of a divided run are executed: each way is a driver, the main process of the run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Protocol

from att.errors import Invalid, NotSupported
from att.testing.driver.orders import Orders
from att.testing.models import TestRequest

__all__ = ["DaskShards", "LocalShards", "ShardExecutor", "driver_command", "executor_for"]

_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from {module} import main; main()"
_ROOT = str(Path(__file__).parents[2])


class ShardExecutor(Protocol):
    """A way to execute shards."""

    driver: str
    """Module whose `main` carries out the orders."""

    def scheduler(self, request: TestRequest) -> str | None:
        """Return the address that the driver needs. Raises Invalid and NotSupported when it cannot work here."""
        ...


class LocalShards:
    """Processes of this machine."""

    driver = "att.testing.driver.local"

    def scheduler(self, request: TestRequest) -> str | None:
        if request.scheduler is not None:
            raise Invalid("scheduler is for executor='dask'; leave it out, or choose that executor.")
        return None


class DaskShards:
    """Workers of a Dask cluster that see the project's folder and Python under the same paths."""

    driver = "att.testing.driver.dask"

    def __init__(self, default_scheduler: str) -> None:
        self._default = default_scheduler

    def scheduler(self, request: TestRequest) -> str | None:
        if importlib.util.find_spec("distributed") is None:
            raise NotSupported("Dask is not installed here; pip install 'jupyter-att[dask]'.")
        address = request.scheduler or self._default
        if not address:
            raise Invalid(
                "executor='dask' needs the scheduler's address: give scheduler='tcp://host:8786', or set "
                "c.ATT.dask_scheduler."
            )
        return address


def executor_for(request: TestRequest, default_scheduler: str) -> ShardExecutor:
    """Return the executor that was asked for."""
    return DaskShards(default_scheduler) if request.executor == "dask" else LocalShards()


def driver_command(executor: ShardExecutor, orders: Orders) -> tuple[str, ...]:
    """Return the argument list of the run's main process: ATT's own Python, out of reach of the project's variables."""
    return (sys.executable, "-I", "-c", _BOOT.format(module=executor.driver), _ROOT, orders.to_json())
