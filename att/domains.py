"""The domains whose operations make up ATT; importing this module completes the registry."""

from __future__ import annotations

from att.code.operations import CodeOperations
from att.events.operations import EventOperations
from att.mcp_hub.operations import McpOperations
from att.operations import Operations
from att.projects.operations import ProjectOperations
from att.runtime.operations import RuntimeOperations
from att.system.operations import SystemOperations
from att.testing.history.operations import TestHistoryOperations
from att.testing.operations import TestOperations

__all__ = ["DOMAINS"]

DOMAINS: tuple[type[Operations], ...] = (
    SystemOperations,
    ProjectOperations,
    RuntimeOperations,
    TestOperations,
    TestHistoryOperations,
    CodeOperations,
    EventOperations,
    McpOperations,
)
