"""Values that describe ATT itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from att.models import Model, Timestamp
from att.runtime.models import Supervisor

__all__ = ["API_VERSION", "PROXY", "OperationInfo", "OperationList", "SystemHealth"]

API_VERSION = "1.0"
"""Clients work with a server of the same major number."""

PROXY = "jupyter-server-proxy"
"""The capability of a server that passes requests on to other ports of its machine."""

MCP_SERVER = "mcp-server"
"""The capability of a server that agents reach over MCP."""


class SystemHealth(Model):
    """Who answers, and what it can do."""

    name: Literal["att"] = "att"
    version: str
    api_version: str
    instance_id: str = Field(description="New for every opening of a workspace.")
    kind: Literal["server", "embedded", "cli"]
    pid: int
    host: str
    data_dir: str
    started_at: Timestamp
    supervised_by: Supervisor | None = Field(description="Null: nobody runs probes and restart policies.")
    capabilities: list[str] = Field(description="Groups of operations, and what the server has beside them.")
    notices: list[str] = Field(default_factory=list, description="What a person should know about this installation.")


class OperationInfo(Model):
    """One operation as declared."""

    name: str
    summary: str
    method: str
    path: str
    python: str
    cli: str | None
    mcp: str | None
    long: bool
    followable: bool
    errors: list[str]
    absent: dict[str, str] = Field(description="Surfaces that do not offer it, with the reason.")
    arguments: dict[str, Any] = Field(description="JSON Schema of the arguments.")


class OperationList(Model):
    """Every operation."""

    operations: list[OperationInfo]
