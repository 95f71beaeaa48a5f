"""Operations on ATT itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from att.operations import Operations, operation
from att.system.models import OperationList, SystemHealth

if TYPE_CHECKING:
    from att.system.manager import SystemManager

__all__ = ["SystemOperations"]


class SystemOperations(Operations):
    """Who answers, and what can be asked."""

    def __init__(self, system: SystemManager) -> None:
        self.system = system

    @operation("system.health", get="/health", python="s.health")
    def health(self) -> SystemHealth:
        """Say who answers: version, API version, capabilities, and who supervises."""
        return self.system.health()

    @operation("system.operations", get="/operations", python="s.operations")
    def operations(self) -> OperationList:
        """List every operation with its route, command, Python address and errors."""
        return self.system.operations()
