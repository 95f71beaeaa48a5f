"""Long work in the caller's hands: a run that can be asked again, waited for and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

from pydantic import PrivateAttr

from att.client.remote import Remote
from att.client.waiting import run_arguments, wait_for_run
from att.models import Run
from att.projects.models import ProjectSetup

if TYPE_CHECKING:
    from att.client.session import Session

__all__ = ["LiveRun", "LiveSetup", "live"]

P = ParamSpec("P")
L = TypeVar("L", bound="LiveRun")


class LiveRun(Run):
    """A run as it was when it was read, with the ways to read it again, wait for it and cancel it."""

    _session: Session = PrivateAttr()

    @classmethod
    def of(cls, session: Session, run: Run) -> Self:
        """Return the value as a live one."""
        made = cls.model_construct(**dict(run))
        made._session = session
        return cast(Self, made)

    def refresh(self) -> Self:
        """Read the run again."""
        return self._again(self.status_operation)

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until the run has ended, and return it as it is then. Interrupting this does not stop the run.

        Raises TimedOut after `timeout` seconds, while the run goes on, and the error of its kind when it failed.
        """
        return self.of(self._session, wait_for_run(self._session.caller, self, timeout))

    def cancel(self) -> Self:
        """Cancel the run and return it as it is then."""
        return self._again(self.cancel_operation)

    def _again(self, name: str) -> Self:
        return self.of(self._session, self._session.caller.ask(name, run_arguments(name, self)))


class LiveSetup(LiveRun, ProjectSetup):
    """The fetching, copying and installing of a project."""


class _Live(Remote[P, L], Generic[P, L]):
    def __init__(self, function: Callable[..., Any], kind: type[L], *, on_project: bool) -> None:
        super().__init__(function, on_project=on_project)
        self.kind = kind

    def _result(self, session: Session, value: Any) -> Any:
        return self.kind.of(session, value)


def live(function: Callable[Concatenate[Any, str, P], Run], kind: type[L]) -> Remote[P, L]:
    """Make an operation that returns a run a method of the project handle, returning it as a live `kind`."""
    return _Live(function, kind, on_project=True)
