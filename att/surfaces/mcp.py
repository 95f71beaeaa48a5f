"""ATT as an MCP server, without HTTP: tools, resources, prompts and subscriptions over the registry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol, TypeVar

import anyio.to_thread
import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from att.errors import ATTError, Internal
from att.operations import Operation
from att.settings import ATT
from att.surfaces.mcp_prompts import PROMPTS, Facts, render
from att.surfaces.mcp_resources import Library
from att.surfaces.mcp_scope import ProjectScope
from att.surfaces.mcp_tools import Call, Toolbox, problem_of, tool_error, tool_result
from att.surfaces.mcp_watching import Watching
from att.surfaces.rest import all_operations

__all__ = ["Work", "build_server"]

PROGRESS_SECONDS = 1.0
"""A call that takes longer tells so at this interval, to clients that ask for progress."""
_log = logging.getLogger("att.mcp")
T = TypeVar("T")
Context = ServerRequestContext["Live"]

INSTRUCTIONS = """\
ATT runs, watches and tests Python projects. A project is named by its id; {list} shows all with state and health. \
Read why something failed with {diagnostics} before you restart it. Long work such as {run} answers a run at once: \
read its status until it has ended. Pages have a cursor to go on from. Errors are problem documents with a code; \
their text says what to do next."""


class Work(Protocol):
    """Runs the blocking part of an operation away from the event loop, on behalf of a request.

    `request` is the HTTP request if there is one; None is a look that nobody waits for. Raises PermissionDenied when
    who sends the request may not do it, and what the function raises.
    """

    async def __call__(self, operation: Operation, function: Callable[[], T], request: Any) -> T:
        """Return what the function returns."""
        ...


async def in_thread(operation: Operation, function: Callable[[], T], request: Any) -> T:  # noqa: ARG001
    """Run it in any worker thread: whoever has the pipe may do everything."""
    return await anyio.to_thread.run_sync(function)


@dataclass(frozen=True)
class Live:
    """What lives as long as a server is served."""

    watching: Watching


def build_server(
    call: Call | ProjectScope, settings: ATT, *, work: Work = in_thread, operations: Iterable[Operation] | None = None
) -> Server[Live]:
    """Return the server; `call` runs an operation, in a thread that `work` chooses; a scope offers what it allows.

    It speaks every protocol version of the SDK, over whatever transport it is put on.
    """
    surface = _Surface(call, settings, work, all_operations() if operations is None else list(operations))
    tool = surface.toolbox.tool_name
    server = Server(
        "att",
        version=version("jupyter-att"),
        title="ATT",
        instructions=INSTRUCTIONS.format(
            list=tool("project.list"), diagnostics=tool("runtime.diagnostics"), run=tool("test.run")
        ),
        lifespan=surface.living,
        get_tool_input_schema=surface.toolbox.input_schema,
        on_list_tools=surface.list_tools,
        on_call_tool=surface.call_tool,
        on_list_resources=surface.list_resources,
        on_list_resource_templates=surface.list_templates,
        on_read_resource=surface.read_resource,
        on_subscribe_resource=surface.subscribe,
        on_unsubscribe_resource=surface.unsubscribe,
        on_subscriptions_listen=surface.listen,
        on_list_prompts=surface.list_prompts,
        on_get_prompt=surface.get_prompt,
        on_completion=surface.complete,
    )
    server.middleware.append(_ListedOnce())
    return server


class _ListedOnce:
    """Keeps the list of tools as each protocol version writes it: making it takes most of the time of a request."""

    def __init__(self) -> None:
        self._kept: dict[str, HandlerResult] = {}

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        plain = ctx.method == "tools/list" and not {*(ctx.params or ())} - {"_meta"}
        if not plain:
            return await call_next(ctx)
        found = self._kept.get(ctx.protocol_version)
        if found is None:
            found = self._kept[ctx.protocol_version] = await call_next(ctx)
        return found


class _Surface:
    """The handlers; every one that reads ATT does so through `work`."""

    def __init__(self, call: Call | ProjectScope, settings: ATT, work: Work, operations: list[Operation]) -> None:
        scope = call if isinstance(call, ProjectScope) else None
        operations = operations if scope is None else scope.operations(operations)
        self.toolbox = Toolbox(operations, settings, None if scope is None else scope.project)
        self._operations = {o.name: o for o in operations if "mcp" not in o.absent}
        self._library = Library(operations)
        self._call = call
        self._work = work
        self._interval = settings.follow_seconds

    @asynccontextmanager
    async def living(self, _: Server[Live]) -> AsyncIterator[Live]:
        async def step(operation: Operation, function: Callable[[], Any]) -> Any:
            return await self._work(operation, function, None)

        watching = Watching(self._library, self._operations.values(), self._call, step, self._interval)
        try:
            yield Live(watching)
        finally:
            await watching.close()

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:  # noqa: ARG002
        return self.toolbox.listed

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        operation = self.toolbox.operations.get(params.name)
        if operation is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}; tools/list names those that there are.")
        given = params.arguments or {}
        try:
            working = self._work(operation, lambda: tool_result(operation, self._call, given), ctx.request)
            return await _telling_progress(ctx, operation, working)
        except ATTError as error:
            return tool_error(error)
        except Exception:  # noqa: BLE001 - a defect is logged and told without details
            _log.exception("%s failed", operation.name)
            return tool_error(Internal("ATT failed; its log says where."))

    async def list_resources(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        cursor = params.cursor if params else None
        return await self._about_projects(ctx, lambda: self._library.page(self._call, cursor))

    async def list_templates(
        self,
        ctx: Context,  # noqa: ARG002
        params: types.PaginatedRequestParams | None,  # noqa: ARG002
    ) -> types.ListResourceTemplatesResult:
        return self._library.templates()

    async def read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        with _protocol_errors(uri=uri):
            address, given = self._library.find(uri)
            await self._permitted(ctx, address.beside)
            working = self._work(address.operation, lambda: address.read(self._call, uri, given), ctx.request)
            content = await _telling_progress(ctx, address.operation, working)
        return types.ReadResourceResult(contents=[content])

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        uri = str(params.uri)
        with _protocol_errors(uri=uri):
            address, given = self._library.find(uri)
            await self._permitted(ctx, address.beside)
            await self._work(address.operation, lambda: address.read(self._call, uri, given), ctx.request)
        connection = ctx.session._connection  # the SDK has no public way to what lives as long as the client
        kept: dict[str, Callable[[], None]] = connection.state.setdefault("att", {})
        if uri not in kept:
            kept[uri] = ctx.lifespan_context.watching.subscribe(uri, connection)
            connection.exit_stack.callback(kept[uri])
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        end = ctx.session._connection.state.get("att", {}).pop(str(params.uri), None)
        if end is not None:
            end()
        return types.EmptyResult()

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        watching, uris = ctx.lifespan_context.watching, params.notifications.resource_subscriptions or []
        with _protocol_errors():
            await self._permitted(ctx, self._library.behind(uris))
        with watching.watched(uris):
            return await watching.listen(ctx, params)

    async def list_prompts(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:  # noqa: ARG002
        return types.ListPromptsResult(prompts=[prompt.described() for prompt in PROMPTS.values()])

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        async def ask(name: str, given: dict[str, Any]) -> Any:
            operation = self._operations[name]
            return await self._work(operation, lambda: self._call(operation, given), ctx.request)

        with _protocol_errors():
            return await render(params.name, Facts(ask, self.toolbox.tool_name), params.arguments or {})

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        values: list[str] = []
        if params.argument.name == "project":
            beginning = params.argument.value
            values = await self._about_projects(ctx, lambda: self._library.projects(self._call, beginning))
        return types.CompleteResult(completion=types.Completion(values=values, has_more=False))

    async def _about_projects(self, ctx: Context, function: Callable[[], T]) -> T:
        with _protocol_errors():
            return await self._work(self._operations["project.list"], function, ctx.request)

    async def _permitted(self, ctx: Context, operations: Iterable[Operation]) -> None:
        """Ask for each whether it may be done. Raises PermissionDenied."""
        for operation in operations:
            await self._work(operation, _nothing, ctx.request)


def _nothing() -> None:
    pass


@contextmanager
def _protocol_errors(**more: Any) -> Iterator[None]:
    """Tell errors where MCP has no result for them: as a JSON-RPC error with the problem document as data."""
    try:
        yield
    except ATTError as error:
        code = types.INVALID_PARAMS if error.status < 500 else types.INTERNAL_ERROR
        raise MCPError(code, error.message, {**problem_of(error), **more}) from error
    except MCPError:
        raise
    except Exception as error:
        _log.exception("An MCP request failed")
        raise MCPError(types.INTERNAL_ERROR, "ATT failed; its log says where.") from error


async def _telling_progress(ctx: Context, operation: Operation, working: Awaitable[T]) -> T:
    """Wait for the work; when it takes long, tell the client now and then, if it has asked for that."""
    task, seconds = asyncio.ensure_future(working), 0.0
    try:
        while not (await asyncio.wait({task}, timeout=PROGRESS_SECONDS))[0]:
            seconds += PROGRESS_SECONDS
            await ctx.session.report_progress(seconds, message=f"{operation.name} has run for {seconds:g} s")
        return task.result()
    finally:
        task.cancel()
