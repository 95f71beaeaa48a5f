"""The kinds of events, each with one sentence; an event of another kind cannot be written."""

from __future__ import annotations

__all__ = ["EVENT_KINDS", "KEPT_EVENTS"]

EVENT_KINDS: dict[str, str] = {
    "supervisor.started": "A process began to run probes and restart policies for this data directory.",
    "supervisor.stopped": "That process ended properly.",
    "project.created": "A project was registered.",
    "project.updated": "Settings of a project changed; data names them.",
    "project.deleted": "A project was forgotten.",
    "project.setup_started": "Fetching or installing a project began.",
    "project.setup_ended": "Fetching or installing a project ended; data has the state.",
    "runtime.state": "The process went from one state to another; data has both and the reason.",
    "runtime.health": "The health went from one value to another; data has both and the reason.",
    "runtime.restarted": "A run was followed by another; data has the trigger and the delay.",
    "code.written": "A file was written through ATT; data has the path.",
    "test.started": "A test run began; data has what was asked for.",
    "test.progress": "A test run went on; data has its counts. Kept for the latest runs of a project.",
    "test.outcome": "Tests ended; data has each with its outcome and seconds. Kept for the latest runs of a project.",
    "test.ended": "A test run ended and has joined the history; data has its status and counts.",
    "test.imported": "Reports of other runs joined the history; data has how many runs and results, and their sources.",
    "mcp.added": "An external MCP server was added; data has its name and transport.",
    "mcp.removed": "An external MCP server was removed.",
    "mcp.state": "An external MCP server changed its state; data has both and the reason. The newest 2,000 are kept.",
    "mcp.connect": "An attempt to connect an MCP server ended; equal failures are told four times. 2,000 are kept.",
    "mcp.attempt": "An MCP server was asked for something, or skipped; data has the outcome. 2,000 are kept.",
}

KEPT_EVENTS: dict[str, int] = {"mcp.state": 2_000, "mcp.connect": 2_000, "mcp.attempt": 2_000}
"""How many of the kinds that come with every call, or for as long as something is broken, are kept; older ones are
deleted now and then. Events of test runs are kept with their runs, and all others for ever."""
