"""Lets a running project count as activity, so that an idle-culled server stays while work goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from jupyter_ext.hosting import Host, Hosted, living

__all__ = ["Activity"]

CHECK_SECONDS = 30.0


class Activity:
    """Looks now and then, and after each state change, whether a project runs. Lives on the event loop.

    Jupyter culls by `last_activity_times` (JupyterHub reads it too) and by `current_activity` of extensions.
    """

    def __init__(self, host: Host, web_settings: dict[str, Any]) -> None:
        self.running = False
        self._host = host
        self._times: dict[str, datetime] = web_settings["last_activity_times"]
        self._look = asyncio.Event()

    def look(self) -> None:
        """Look again soon."""
        self._look.set()

    async def watch(self, hosted: Hosted) -> None:
        """Go on until cancelled or until the host closes."""
        while not self._host.closing.is_set():
            self._look.clear()
            self.running = bool(await self._host.run(living, hosted.workspace))
            if self.running:
                self._times["att"] = datetime.now(UTC)
            try:
                await asyncio.wait_for(self._look.wait(), CHECK_SECONDS)
            except TimeoutError:
                continue
