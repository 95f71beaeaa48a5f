"""Runs one command: parses it, opens the session, calls the operation, writes what it returns."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any

from att.cli.arguments import given_arguments
from att.cli.connection import open_session
from att.cli.output import Output
from att.cli.parser import build_parser, offered, overview
from att.client.session import Session
from att.errors import ATTError, Internal
from att.operations import Operation
from att.runtime.models import RuntimeStatus
from att.testing.models import TestRun

__all__ = ["run"]

INTERRUPTED = 130


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code, which `att --help` documents."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    parsed, rest = _parse(words)
    if getattr(parsed, "version", False):
        print(version("jupyter-att"))  # noqa: T201
        return 0
    if by_hand := getattr(parsed, "by_hand", None):
        return _perform(parsed, lambda _: lambda session: by_hand(session) or 0)
    operation: Operation | None = getattr(parsed, "operation", None)
    if operation is None:
        _show_help(parsed)
        return 0 if not words else 2
    return _perform(parsed, partial(_prepare, operation, parsed, rest))


def _parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command; what stands after `--` is the project's command where one is taken."""
    parser = build_parser()
    cut = words.index("--") if "--" in words else len(words)
    if _takes_command(words[:cut]):
        return parser.parse_args(words[:cut]), words[cut + 1 :]
    return parser.parse_args(words), []


def _takes_command(words: list[str]) -> bool:
    spoken = f" {' '.join(words)} "
    return any(f" {operation.cli} " in spoken for operation in offered() if "command" in operation.parameters)


def _show_help(parsed: argparse.Namespace) -> None:
    if parsed.parser.prog == "att":
        print(overview())  # noqa: T201
    else:
        parsed.parser.print_help()


def _prepare(
    operation: Operation, parsed: argparse.Namespace, rest: list[str], output: Output
) -> Callable[[Session], int]:
    """Return the call with its arguments, which are looked at before anything is opened."""
    given, follow = given_arguments(operation, parsed, rest), getattr(parsed, "follow", False)
    return lambda session: _call(session, operation, given, output, follow=follow)


def _perform(parsed: argparse.Namespace, prepare: Callable[[Output], Callable[[Session], int]]) -> int:
    output = Output(as_json=getattr(parsed, "json", False))
    where = [getattr(parsed, name, None) for name in ("att_url", "att_token", "att_data_dir")]
    try:
        act = prepare(output)
        with open_session(*where) as session:
            return act(session)
    except ATTError as error:
        output.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.note("att: interrupted; what runs goes on.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; keep the interpreter from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as defect:
        logging.getLogger("att").debug("%s failed", parsed.parser.prog, exc_info=True)
        output.error(Internal(f"{type(defect).__name__}: {defect}. A defect of ATT; ATT_LOG_LEVEL=DEBUG shows where."))
        return Internal.exit_code
    return 0


def _call(session: Session, operation: Operation, given: dict[str, Any], output: Output, *, follow: bool) -> int:
    if follow:
        with session.follow(operation, given) as elements:
            for element in elements:
                output.element(element)
        return 0
    value = session.call(operation, given)
    output.result(operation, value)
    if session.mode == "embedded" and isinstance(value, RuntimeStatus) and _left_alone(value):
        output.note(
            f"{value.project} goes on without this command. Nobody probes or restarts it until a Jupyter server or "
            f"a notebook opens {session.transport.where}."
        )
    return value.exit_code if isinstance(value, TestRun) and operation.long else 0


def _left_alone(status: RuntimeStatus) -> bool:
    keeper = status.supervised_by
    return status.state in ("starting", "running", "backoff") and (keeper is None or keeper.pid == os.getpid())
