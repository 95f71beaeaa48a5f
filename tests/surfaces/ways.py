"""The ways to the same operations: plain REST, the command line, MCP, and Python over HTTP and in the process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import httpx

from att.cli import main
from att.cli.arguments import is_positional
from att.client.project import ProjectHandle
from att.client.session import Session
from att.errors import error_from_problem
from att.operations import Operation
from tests.support.jupyter import JupyterServer

__all__ = ["CommandLine", "Mcp", "Python", "Rest", "Way", "resolve"]


class Way(ABC):
    """A surface, with a session beside it that prepares what a test needs."""

    surface: str

    def __init__(self, session: Session) -> None:
        self.session = session

    @abstractmethod
    def run(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        """Run an operation and return its result; raises the error that the surface told."""


def resolve(session: Session, operation: Operation, project: str) -> Any:
    """Return the method at an operation's Python address."""
    root, *names = operation.python.split(".")
    found: Any = {"s": session, "p": ProjectHandle(session, project)}[root]
    for name in names:
        found = getattr(found, name)
    return found


class Python(Way):
    """The method at the operation's address."""

    surface = "python"

    def run(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        rest = dict(given)
        project = rest.pop("project", "") if operation.on_project else ""
        return resolve(self.session, operation, project)(**rest)


class Rest(Way):
    """A plain HTTP request, as any program sends it."""

    surface = "rest"

    def __init__(self, session: Session, server: JupyterServer) -> None:
        super().__init__(session)
        headers = {"Authorization": f"Bearer {server.token}"}
        self._client = httpx.Client(base_url=f"{server.url}api/v1", headers=headers, trust_env=False, timeout=60)
        session.resources.enter_context(self._client)

    def run(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
        for parameter in operation.wire_parameters:
            if parameter.name in given:
                parts[parameter.location][parameter.name] = given[parameter.name]
        answer = self._client.request(
            operation.method,
            operation.path.format(**parts["path"]),
            params=parts["query"],
            json=parts["body"] or None,
        )
        if answer.is_error:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.status_code == problem["status"]
            raise error_from_problem(problem)
        assert answer.status_code in (200, 201, 202)
        assert ("Location" in answer.headers) is (answer.status_code == 202)
        return operation.result_adapter.validate_json(answer.content)


class CommandLine(Way):
    """The command with `--json`."""

    surface = "cli"

    def __init__(self, session: Session, server: JupyterServer) -> None:
        super().__init__(session)
        self._where = ["--url", server.url, "--token", server.token, "--json"]

    def run(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = main([*operation.cli.split(), *self._where, *_words(operation, given)])
        if code:
            error = error_from_problem(json.loads(errors.getvalue().splitlines()[-1]))
            assert code == error.exit_code
            raise error
        return operation.result_adapter.validate_json(output.getvalue())


class Mcp(Way):
    """A tool call of the SDK's client, which holds what is answered to the tool's schema."""

    surface = "mcp"

    def __init__(self, session: Session, server: JupyterServer) -> None:
        super().__init__(session)
        self._url = f"{server.url}mcp"
        self._headers = {"Authorization": f"Bearer {server.token}"}

    def run(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        wire = {parameter.name for parameter in operation.wire_parameters}
        arguments = {name: value for name, value in given.items() if name in wire}
        result = asyncio.run(self._call(f"att.{operation.name}", arguments))
        if result.is_error:
            raise error_from_problem(result.structured_content)
        return operation.result_adapter.validate_python(result.structured_content)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> Any:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        async with (
            httpx2.AsyncClient(headers=self._headers, trust_env=False, timeout=60) as http,
            Client(streamable_http_client(self._url, http_client=http), mode="2026-07-28") as client,
        ):
            return await client.call_tool(tool, arguments)


def _words(operation: Operation, given: Mapping[str, Any]) -> list[str]:
    flags, places = [], []
    for name, parameter in operation.parameters.items():
        if name not in given:
            continue
        value, flag = given[name], f"--{name.replace('_', '-')}"
        if is_positional(parameter):
            places.append(str(value))
        elif isinstance(value, bool):
            flags.append(flag if value else f"--no-{flag[2:]}")
        else:
            flags += [flag, value if isinstance(value, str) else json.dumps(value)]
    return [*flags, *places]
