"""A Jupyter server extension to measure against: the least that an authenticated handler does, and a loop meter."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web

__all__: list[str] = []

TICK_SECONDS = 0.001
ANSWER = json.dumps({"project": "demo", "state": "running", "filler": "x" * 400})


class BareHandler(APIHandler):
    """Answers a constant of about the size of a status."""

    auth_resource = "bench"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.finish(ANSWER)


class LagHandler(APIHandler):
    """POST begins to measure how late the loop's timers are; GET answers the delays in milliseconds and ends it."""

    auth_resource = "bench"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        self.settings["bench_delays"] = []
        self.settings["bench_task"] = asyncio.ensure_future(_measure(self.settings["bench_delays"]))
        self.finish("{}")

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.settings["bench_task"].cancel()
        self.finish(json.dumps(self.settings["bench_delays"]))


async def _measure(delays: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        delays.append((time.perf_counter() - began - TICK_SECONDS) * 1000)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    base = server.web_app.settings["base_url"]
    handlers = [(url_path_join(base, "bench/bare"), BareHandler), (url_path_join(base, "bench/lag"), LagHandler)]
    server.web_app.add_handlers(".*$", handlers)  # type: ignore[no-untyped-call]
