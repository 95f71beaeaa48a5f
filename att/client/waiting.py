"""Waiting, which is the caller's side of every operation: acts on `wait` and `timeout`, in this one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from att.client.progress import progress, say
from att.errors import ATTError, Invalid, SetupFailed, StartFailed, TimedOut
from att.models import Run
from att.operations import REGISTRY, Operation
from att.projects.models import ProjectSetup
from att.runtime.models import Diagnostics, RuntimeStatus
from att.terminal import plain

__all__ = ["Address", "Caller", "Patience", "finish", "run_arguments", "separate", "wait_for_run", "wait_until"]

Address = Callable[[str, Mapping[str, Any]], str]
"""Of an operation's name and its arguments, the project among them: what to type."""
AnyRun = TypeVar("AnyRun", bound=Run)
LAST_LINES = 20
_ENDED = frozenset({"stopped", "exited", "backoff", "crash_loop", "lost"})


@dataclass(frozen=True)
class Caller:
    """Who waits: how it asks for an operation by name, and how it writes one down for a person."""

    ask: Callable[[str, Mapping[str, Any]], Any]
    address: Address


@dataclass(frozen=True)
class Patience:
    """What the caller wants to wait for, and for how many seconds at most."""

    goal: str | bool | None = None
    timeout: float | None = None


def separate(operation: Operation, given: Mapping[str, Any]) -> tuple[dict[str, Any], Patience]:
    """Part the arguments that go over the wire from those that the caller acts on.

    Raises Invalid when the latter are wrong.
    """
    sides = {name for name, parameter in operation.parameters.items() if parameter.caller_side}
    wire = {name: value for name, value in given.items() if name not in sides}
    if not sides:
        return wire, Patience()
    try:
        own = _caller_model(operation.name).model_validate({n: v for n, v in given.items() if n in sides})
    except ValidationError as error:
        text = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        raise Invalid(f"{operation.name} cannot wait like this: {text}.") from None
    return wire, Patience(getattr(own, "wait", None), getattr(own, "timeout", None))


@lru_cache
def _caller_model(name: str) -> type[BaseModel]:
    parameters = [p for p in REGISTRY[name].parameters.values() if p.caller_side]
    fields: dict[str, Any] = {p.name: (p.annotation, ... if p.required else p.default) for p in parameters}
    return create_model("CallerSideArguments", __config__=ConfigDict(extra="forbid"), **fields)


def finish(caller: Caller, operation: Operation, result: Any, patience: Patience) -> Any:
    """Wait as the caller asked to, and return the result as it is then."""
    if not patience.goal:
        return result
    if isinstance(result, Run) and operation.long:
        return wait_for_run(caller, result, patience.timeout)
    if isinstance(result, RuntimeStatus):
        return wait_until(caller, result, str(patience.goal), patience.timeout)
    return result


def wait_until(caller: Caller, begun: RuntimeStatus, goal: str, timeout: float | None) -> RuntimeStatus:
    """Wait until the run that has begun is running or healthy.

    Raises StartFailed the moment that run has ended, with its exit record, diagnosis, remedy and last lines, and
    TimedOut after `timeout` seconds, while the project goes on.
    """
    project, status = begun.project, begun
    clock = _Clock(timeout)
    interrupted = (
        f"{project} goes on starting. Look with {caller.address('runtime.status', {'project': project})}, "
        f"stop it with {caller.address('runtime.stop', {'project': project})}."
    )
    with _told(interrupted), progress(f"{project} until {goal}") as show:
        while True:
            if status.run_id != begun.run_id or status.state in _ENDED:
                raise _start_failed(caller, begun, status, goal)
            if _reached(status, goal):
                return status
            if clock.over:
                raise _not_yet(caller, status, goal, timeout)
            show(None, _state(status))
            clock.sleep()
            status = caller.ask("runtime.status", {"project": project})


def _reached(status: RuntimeStatus, goal: str) -> bool:
    return status.state == "running" and (goal == "running" or status.health == "healthy")


def _state(status: RuntimeStatus) -> str:
    return f"{status.state}, {status.health}" + (f" ({status.reason})" if status.reason else "")


def _start_failed(caller: Caller, begun: RuntimeStatus, status: RuntimeStatus, goal: str) -> StartFailed:
    arguments = {"project": begun.project} | ({"run": begun.run_id} if begun.run_id else {})
    told: Diagnostics = caller.ask("runtime.diagnostics", arguments)
    end = told.exit or status.exit
    lines = [line.text for line in told.last_lines[-LAST_LINES:]]
    words = [f"{begun.project} ended before it was {goal}: {end.reason if end else status.reason or status.state}"]
    if told.diagnosis:
        words += [told.diagnosis.summary, told.diagnosis.remedy]
    elif lines:
        words.append(f"Last line: {plain(lines[-1])}")
    return StartFailed(
        " ".join(f"{word.rstrip('.')}." for word in words if word),
        run_id=begun.run_id,
        exit=end.to_json() if end else None,
        diagnosis=told.diagnosis.to_json() if told.diagnosis else None,
        remedy=told.diagnosis.remedy if told.diagnosis else None,
        last_lines=lines,
    )


def _not_yet(caller: Caller, status: RuntimeStatus, goal: str, timeout: float | None) -> TimedOut:
    project, of_project = status.project, {"project": status.project}
    unwatched = " Nobody supervises this data directory, so nobody probes." if status.supervised_by is None else ""
    return TimedOut(
        f"{project} is not {goal} after {timeout:g} s and goes on: {_state(status)}.{unwatched} "
        f"Look with {caller.address('runtime.status', of_project)} and {caller.address('runtime.logs', of_project)}, "
        f"stop it with {caller.address('runtime.stop', of_project)}.",
        project=project,
        run_id=status.run_id,
        state=status.state,
        health=status.health,
    )


def wait_for_run(caller: Caller, run: AnyRun, timeout: float | None = None) -> AnyRun:
    """Wait until a long run has ended, and return it as it is then.

    Raises TimedOut after `timeout` seconds, while it goes on, and the error of its kind when it failed.
    """
    clock = _Clock(timeout)
    look, cancel = (
        caller.address(name, run_arguments(name, run)) for name in (run.status_operation, run.cancel_operation)
    )
    how = f"Look with {look}, cancel with {cancel}."
    with _told(f"The work on {run.project} goes on. {how}"), progress(run.project) as show:
        while run.state == "running":
            if clock.over:
                message = (
                    f"{run.project} is not done after {timeout:g} s and goes on: {run.message or run.state}. {how}"
                )
                raise TimedOut(message, project=run.project, run_id=run.run_id)
            show(run.progress, run.message)
            clock.sleep()
            run = caller.ask(run.status_operation, run_arguments(run.status_operation, run))
    error = _failure(run)
    if error is not None:
        raise error
    return run


def run_arguments(name: str, run: Run) -> dict[str, Any]:
    """Return what the operation `name` has to be given to mean `run`."""
    known = {"project": run.project, "run": run.run_id}
    return {key: value for key, value in known.items() if key in REGISTRY[name].parameters}


def _failure(run: Run) -> ATTError | None:
    if not isinstance(run, ProjectSetup) or run.state == "succeeded":
        return None
    words = [f"The setup of {run.project} {'was cancelled' if run.state == 'cancelled' else 'failed'}", run.message]
    if run.diagnosis:
        words += [run.diagnosis.summary, run.diagnosis.remedy]
    return SetupFailed(
        " ".join(f"{word.rstrip('.')}." for word in dict.fromkeys(words) if word),
        project=run.project,
        run_id=run.run_id,
        diagnosis=run.diagnosis.to_json() if run.diagnosis else None,
        remedy=run.diagnosis.remedy if run.diagnosis else None,
        last_lines=run.last_lines[-LAST_LINES:],
    )


class _Clock:
    """Counts the caller's seconds, and pauses longer the longer it lasts."""

    def __init__(self, timeout: float | None) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout
        self._pause = 0.02

    @property
    def over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end

    def sleep(self) -> None:
        left = self._pause if self._end is None else max(0.0, self._end - time.monotonic())
        time.sleep(min(self._pause, left))
        self._pause = min(0.3, self._pause * 1.3)


@contextmanager
def _told(interrupted: str) -> Iterator[None]:
    """Say on an interruption that the work goes on, and how to deal with it."""
    try:
        yield
    except KeyboardInterrupt:
        say(interrupted)
        raise
