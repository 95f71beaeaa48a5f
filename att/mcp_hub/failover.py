"""Asks the servers that can answer, one after the other, and tells how each attempt went."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from att.errors import ATTError, Invalid, TimedOut, Unavailable
from att.mcp_hub.connection import Lost, Refused
from att.mcp_hub.models import McpAttempt
from att.mcp_hub.states import USABLE

if TYPE_CHECKING:
    from mcp import Client

    from att.mcp_hub.actor import ServerActor
    from att.mcp_hub.loop import HubLoop

__all__ = ["Answer", "Failover", "Question"]

T = TypeVar("T")
_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Question(Generic[T]):
    """What is asked, in words and as a request. `failover` goes on after an attempt that may have begun."""

    words: str
    request: Callable[[Client], Awaitable[T]]
    seconds: float
    failover: bool = True


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a server answered, and which attempts were made."""

    value: T
    server: str
    seconds: float
    attempts: list[McpAttempt]


class Failover(Generic[T]):
    """One question to several servers, asked from a thread that is not the loop's."""

    def __init__(self, loop: HubLoop, question: Question[T], tell: Callable[[McpAttempt], None]) -> None:
        self._loop = loop
        self._question = question
        self._tell = tell
        self._began = time.monotonic()
        self._fault: Refused | None = None
        self.attempts: list[McpAttempt] = []

    def ask(self, actors: Sequence[ServerActor]) -> Answer[T]:
        """Ask the servers in their order, the healthy before the degraded, until one answers.

        A server that cannot have received the question is asked once more after the others, when it is connected again.
        Raises Unavailable, TimedOut, or Invalid when a server refuses the arguments; details hold the attempts.
        """
        later: list[ServerActor] = []
        for actor in sorted(actors, key=lambda actor: actor.view.state != "healthy"):
            if actor.view.state not in USABLE:
                later.append(actor)
            elif (answer := self._attempt(actor, later)) is not None:
                return answer
            elif self._is_over():
                raise self._failure()
        for actor in later:
            self._await(actor)
            if actor.view.state not in USABLE:
                self._note(actor, "skipped", 0, f"it is {actor.view.state}: {actor.view.reason}".rstrip(": "))
            elif (answer := self._attempt(actor, [])) is not None:
                return answer
            elif self._is_over():
                break
        raise self._failure()

    def _attempt(self, actor: ServerActor, later: list[ServerActor]) -> Answer[T] | None:
        began = time.monotonic()
        try:
            seconds = self._left()
            value = self._loop.run(actor.ask(self._question.request, seconds), seconds)
        except Lost as error:
            if not error.delivered:
                later.append(actor)
            self._note(actor, "lost", began, str(error))
        except TimeoutError as error:
            self._note(actor, "timed_out", began, str(error))
        except Refused as error:
            self._fault = error if error.fault else None
            self._note(actor, "refused", began, str(error))
        else:
            self._note(actor, "answered", began, "")
            return Answer(value, actor.entry.server.name, time.monotonic() - self._began, self.attempts)
        return None

    def _await(self, actor: ServerActor) -> None:
        """Wait for a connection that is being made, or made anew after a session was lost.

        A server over HTTP that is between two attempts may be back already: one is made at once. It says no more than
        who asks, so nothing is done twice.
        """
        seconds = self._left()
        if actor.view.state == "connecting":
            self._loop.run(actor.settled(seconds), seconds)
        elif any(attempt.server == actor.entry.server.name for attempt in self.attempts):
            self._loop.run(actor.connect(seconds), seconds)
        elif actor.view.state == "unreachable" and actor.entry.server.address is not None:
            seconds = min(seconds, _AGAIN_SECONDS)
            self._loop.run(actor.connect(seconds), seconds)

    def _is_over(self) -> bool:
        """Say whether the last attempt forbids another."""
        last = self.attempts[-1]
        begun = last.outcome in ("lost", "refused") and not self._question.failover
        return begun or self._fault is not None or last.outcome == "timed_out" or self._left() <= 0

    def _left(self) -> float:
        return max(0.0, self._began + self._question.seconds - time.monotonic())

    def _note(self, actor: ServerActor, outcome: str, began: float, error: str) -> None:
        seconds = time.monotonic() - began if began else 0.0
        attempt = McpAttempt.model_validate(
            {"server": actor.entry.server.name, "outcome": outcome, "seconds": seconds, "error": error}
        )
        self.attempts.append(attempt)
        self._tell(attempt)

    def _failure(self) -> ATTError:
        told = "; ".join(f"{a.server} {a.outcome.replace('_', ' ')} ({a.error})" for a in self.attempts)
        details = {"attempts": [attempt.to_json() for attempt in self.attempts]}
        if self._fault is not None:
            return Invalid(f"{self._question.words} was refused: {told}.", **details)
        if self.attempts and self.attempts[-1].outcome == "timed_out":
            return TimedOut(f"{self._question.words} was not answered in time: {told}. Give it more time.", **details)
        return Unavailable(f"No MCP server answered {self._question.words}: {told}.", **details)
