"""The one tree of errors: a stable code, an HTTP status, a CLI exit code, and a message that says what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from linecache import getline
from pathlib import Path
from traceback import format_exception, walk_tb
from types import FrameType, TracebackType
from typing import Any, ClassVar

__all__ = [
    "ATTError",
    "Busy",
    "Conflict",
    "Internal",
    "Invalid",
    "NotFound",
    "NotSupported",
    "PermissionDenied",
    "SetupFailed",
    "StartFailed",
    "TestsFailed",
    "TimedOut",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "error_classes",
    "error_from_problem",
]


class ATTError(Exception):
    """Root of every error that ATT raises on purpose.

    `message` is one sentence for a person, `details` are JSON values for a program.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "ATT error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback: the caller's lines, and what to do."""
        return [*_callers(self.__traceback__), f"{type(self).__name__}: {self}", *getattr(self, "__notes__", ())]

    def to_problem(self, instance: str | None = None) -> dict[str, Any]:
        """Return the RFC 9457 problem document of this error."""
        problem: dict[str, Any] = {
            "type": f"urn:att:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            "details": self.details,
        }
        if instance is not None:
            problem["instance"] = instance
        return problem


class Invalid(ATTError):
    """An argument is malformed or out of range."""

    code = "invalid"
    status = 422
    exit_code = 2
    title = "Invalid argument"


class NotFound(ATTError):
    """The named thing does not exist."""

    code = "not_found"
    status = 404
    exit_code = 3
    title = "Not found"

    @classmethod
    def named(cls, kind: str, name: str, known: Iterable[str] = ()) -> NotFound:
        """Build the error for a name that is not known, offering the closest known names."""
        close = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
        return cls(f"There is no {kind} {name!r}.{hint}", kind=kind, name=name, close=close)


class Conflict(ATTError):
    """The request contradicts what already exists."""

    code = "conflict"
    status = 409
    exit_code = 4
    title = "Conflict"


class Busy(ATTError):
    """Another operation holds what this one needs; try again."""

    code = "busy"
    status = 423
    exit_code = 5
    title = "Busy"


class TooLarge(ATTError):
    """Input or output is over a limit that protects the machine."""

    code = "too_large"
    status = 413
    exit_code = 2
    title = "Too large"


class Unauthenticated(ATTError):
    """The caller did not say who they are."""

    code = "unauthenticated"
    status = 401
    exit_code = 6
    title = "Not logged in"


class PermissionDenied(ATTError):
    """The caller may not do this, or a path lies outside the project."""

    code = "permission_denied"
    status = 403
    exit_code = 6
    title = "Permission denied"


class NotSupported(ATTError):
    """This platform, project or installation cannot do it."""

    code = "not_supported"
    status = 501
    exit_code = 7
    title = "Not supported"


class Unavailable(ATTError):
    """A server or service that is needed does not answer."""

    code = "unavailable"
    status = 503
    exit_code = 8
    title = "Unavailable"


class TimedOut(ATTError):
    """The caller's patience ended; the work itself goes on."""

    code = "timed_out"
    status = 504
    exit_code = 124
    title = "Timed out"


class StartFailed(ATTError):
    """A project could not be started, or ended before it was ready.

    `details` may hold `run_id`, `exit`, `diagnosis`, `remedy` and `last_lines`.
    """

    code = "start_failed"
    status = 424
    exit_code = 9
    title = "Start failed"


class SetupFailed(ATTError):
    """Fetching, unpacking or installing a project failed; what was made is left to look at."""

    code = "setup_failed"
    status = 424
    exit_code = 10
    title = "Setup failed"


class TestsFailed(ATTError):
    """A test run that had to be green was not. `details` hold the counts, the first failures and the run id."""

    __test__ = False
    code = "tests_failed"
    status = 424
    exit_code = 11
    title = "Tests failed"


class Internal(ATTError):
    """A defect in ATT; the server's log holds the traceback."""

    code = "internal"
    status = 500
    exit_code = 70
    title = "Internal error"

    def _render_traceback_(self) -> list[str]:
        """Return the whole traceback: it is part of the report of a defect."""
        return "".join(format_exception(self)).splitlines()


def _callers(trace: TracebackType | None) -> list[str]:
    """Return the lines between IPython and ATT: those of the person who has called."""
    called: list[str] = []
    for frame, number in walk_tb(trace):
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package in ("IPython", "ipykernel"):
            called.clear()
        elif package in ("att", "jupyter_ext"):
            break
        else:
            called.append(_line(frame, number))
    return [line for line in called if line]


def _line(frame: FrameType, number: int) -> str:
    path, function = Path(frame.f_code.co_filename), frame.f_code.co_name
    where = [path.name] if path.is_file() else []  # a cell is none
    where += [] if function.startswith("<") else [f"in {function}"]
    source = getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f"{', '.join([*where, f'line {number}'])}: {source}" if source else ""


def error_classes() -> dict[str, type[ATTError]]:
    """Return every error class by its code."""
    return {cls.code: cls for cls in ATTError.__subclasses__()}


def error_from_problem(problem: dict[str, Any]) -> ATTError:
    """Rebuild the error that a problem document was made from; an unknown code becomes `ATTError`."""
    cls = error_classes().get(str(problem.get("code")), ATTError)
    details = problem.get("details")
    message = str(problem.get("detail") or problem.get("title") or "The server answered with an error.")
    return cls(message, **(details if isinstance(details, dict) else {}))
