"""The kinds of events, each with one sentence; an event of another kind cannot be written."""

from __future__ import annotations

__all__ = ["EVENT_KINDS"]

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
    "mcp.added": "An external MCP server was added; data has its name and transport.",
    "mcp.removed": "An external MCP server was removed.",
    "mcp.state": "An external MCP server went from one state to another; data has both and the reason.",
    "mcp.connect": "An attempt to connect an MCP server ended; equal failures in a row are told four times.",
    "mcp.attempt": "An MCP server was asked for a tool or a resource, or skipped; data has the outcome.",
}
