"""Describes ATT itself: health, and the list of operations."""

from __future__ import annotations

import os
import socket
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from att.models import now
from att.operations import REGISTRY, Operation
from att.system.models import API_VERSION, OperationInfo, OperationList, SystemHealth

if TYPE_CHECKING:
    from att.runtime.manager import RuntimeManager

__all__ = ["SystemManager"]


class SystemManager:
    """Answers who serves a workspace and what can be asked of it."""

    def __init__(
        self,
        runtime: RuntimeManager,
        *,
        kind: Literal["server", "embedded", "cli"],
        data_dir: Path,
        notices: list[str],
    ) -> None:
        self._runtime = runtime
        self._kind: Literal["server", "embedded", "cli"] = kind
        self._data_dir = data_dir
        self.notices = notices
        """What a person should know about this installation; a host adds its own."""
        self._started_at = now()
        self.instance_id = uuid.uuid4().hex
        self.capabilities = {operation.group for operation in REGISTRY.values()}
        """What can be asked of whoever answers; a host adds its own."""

    def health(self) -> SystemHealth:
        """Return who answers; a supervisor of None means that nobody runs probes and restart policies."""
        return SystemHealth(
            version=version("jupyter-att"),
            api_version=API_VERSION,
            instance_id=self.instance_id,
            kind=self._kind,
            pid=os.getpid(),
            host=socket.gethostname(),
            data_dir=str(self._data_dir),
            started_at=self._started_at,
            supervised_by=self._runtime.supervised_by(),
            capabilities=sorted(self.capabilities),
            notices=self.notices,
        )

    def operations(self) -> OperationList:
        """Return every declared operation in the order of the registry."""
        return OperationList(operations=[_info(operation) for operation in REGISTRY.values()])


def _info(operation: Operation) -> OperationInfo:
    return OperationInfo(
        name=operation.name,
        summary=operation.summary,
        method=operation.method,
        path=operation.path,
        python=operation.python,
        cli=None if "cli" in operation.absent else f"att {operation.cli}",
        mcp=None if "mcp" in operation.absent else f"att.{operation.name}",
        long=operation.long,
        followable=operation.followable,
        errors=[error.code for error in operation.declared_errors],
        absent={str(surface): why for surface, why in operation.absent.items()},
        arguments=operation.arguments_model.model_json_schema(),
    )
