"""The handlers at `{base_url}mcp`: who calls, and the way from Tornado to the MCP session manager."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jupyter_server import CallContext
from jupyter_server.auth import User
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from att.errors import ATTError, Internal, Unauthenticated
from att.projects.grants import is_project_token
from jupyter_ext.asgi_bridge import Exchange
from jupyter_ext.handlers import ATTHandler, Refused
from jupyter_ext.mcp_lifespan import Granted, Lifespan, Lifespans, session_manager

if TYPE_CHECKING:
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from att.operations import Operation
    from jupyter_ext.hosting import Host, Hosted

__all__ = ["McpHandler", "WellKnownHandler", "build_manager", "still_holds"]

_PERMISSION = "att.authorize"
_CORS_HEADERS = (
    "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id, "
    "x-xsrftoken"
)
T = TypeVar("T")


async def build_manager(host: Host, granted: Granted | None = None) -> StreamableHTTPSessionManager:
    """Make ATT's MCP server over the workspace, or over one project of it.

    Importing the SDK takes a while and is done in a thread.
    """
    hosted = await host.hosted()
    return await host.run(_build, host, hosted, granted)


async def still_holds(host: Host, granted: Granted) -> bool:
    """Say whether a project's token still holds; where that cannot be told now, it does."""
    try:
        workspace = (await host.hosted()).workspace
        await host.run(workspace.grants.project_of, granted.token)
    except Unauthenticated:
        return False
    except Exception:
        host.log.debug("Whether the token of %s holds cannot be told", granted.project, exc_info=True)
    return True


def _build(host: Host, hosted: Hosted, granted: Granted | None) -> StreamableHTTPSessionManager:
    from att.surfaces.mcp import build_server
    from att.surfaces.mcp_scope import ProjectScope
    from att.surfaces.rest import body_limit

    async def work(operation: Operation, function: Callable[[], T], request: Any) -> T:
        if request is None:
            return await host.follow(function)
        await request.scope[_PERMISSION](operation.action, operation.group.partition(".")[0])
        return await host.run(function, slow=operation.slow)

    call: Callable[..., Any] = hosted.workspace.call
    if granted is not None:
        call = ProjectScope(granted.project, call, partial(hosted.workspace.grants.project_of, granted.token))
    server = build_server(call, host.settings, work=work)
    return session_manager(server, max_body_bytes=body_limit(host.settings.file_limit_bytes))


class McpHandler(ATTHandler):
    """Passes every method to the session manager, for whoever Jupyter lets in.

    Other than the API it minds the origin of requests with a token as well: a page that has got hold of one is still
    a foreign page. Without any login nobody needs an XSRF token, since the origin is always looked at.

    The token of a project is known to this handler alone. Who sends it is that project, whatever else they send.
    """

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
    _exchange: Exchange | None = None
    _granted: Granted | None = None

    @property
    def lifespan(self) -> Lifespan:
        return cast(Lifespans, self.settings["att_mcp"]).of(self._granted)

    async def prepare(self) -> None:  # type: ignore[override]
        token = self.sent_token()
        if self.request.method != "OPTIONS" and token is not None and is_project_token(token):
            await self._let_a_project_in(token)
        else:
            await super().prepare()
        if self.request.method != "OPTIONS" and not self.check_origin():
            raise Refused(self._origin_refused())

    async def _let_a_project_in(self, token: str) -> None:
        """Take a caller for the project whose token it sends, by which the authorizer is not asked."""
        CallContext.set(CallContext.JUPYTER_HANDLER, self)
        if not self.check_host():
            raise Refused(self._host_refused())
        try:
            workspace = (await self.host.hosted()).workspace
            self._granted = Granted(await self.host.run(workspace.grants.project_of, token), token)
        except ATTError as error:
            raise Refused(error) from None
        name = f"att:{self._granted.project}"
        self.current_user = self._jupyter_current_user = User(username=name, name=name, display_name=name)
        self.set_cors_headers()

    @property
    def token_authenticated(self) -> bool:
        return self._granted is not None or super().token_authenticated

    async def authorize(self, action: str, domain: str) -> None:
        if self._granted is None:
            await super().authorize(action, domain)

    def skip_check_origin(self) -> bool:
        return False

    def check_host(self) -> bool:
        return super().check_host() and not self._might_be_rebound()

    def _might_be_rebound(self) -> bool:
        """Say whether a page of any site could have sent this: a name that now leads here is its own origin."""
        unguarded = self.settings.get("allow_remote_access", False) and not self.identity_provider.auth_enabled
        return bool(unguarded and "Origin" in self.request.headers and not self.allow_origin and not self._is_local())

    def _is_local(self) -> bool:
        name = self.request.host_name.strip("[]")
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name in self.settings.get("local_hostnames", ["localhost"])

    def check_xsrf_cookie(self) -> None:
        if self.identity_provider.auth_enabled:
            super().check_xsrf_cookie()

    async def _serve(self) -> None:
        self._track_activity = self.request.method == "POST"
        try:
            lifespan = self.lifespan
            manager = await lifespan.manager()
            scope = {"user": _user(self._owner()), _PERMISSION: self.authorize}
            self._exchange = Exchange(self, scope)
            with lifespan.serving(self._exchange):
                await self._exchange.run(manager.handle_request)
        except ATTError as error:
            self.send_problem(error)
        except Exception:
            self.log.exception("An MCP request failed")
            self._break_off()

    get = post = put = patch = delete = head = web.authenticated(_serve)

    @allow_unauthenticated
    def options(self, *_: Any, **__: Any) -> None:
        self.set_header("Access-Control-Allow-Headers", _CORS_HEADERS)
        self.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
        self.finish()

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Access-Control-Expose-Headers", "mcp-session-id")

    def _owner(self) -> str:
        """Return to whom a session belongs. Jupyter makes a new user for each request with a token but no cookie."""
        if self._granted is not None:
            return "token:" + _digest(self._granted.token)
        if not self.identity_provider.auth_enabled and not self._by_att_token:
            return "anonymous"
        if self._by_att_token:
            return "token:" + _digest(self.settings["att_token"])
        if self.token_authenticated:
            return "token:" + _digest(self.identity_provider.get_token(self) or "")
        return f"user:{self.current_user.username}"

    def _break_off(self) -> None:
        if self._headers_written:
            self.detach().close()  # the reader must see that this is not all
        else:
            self.send_problem(Internal("ATT failed; the server's log says where."))

    def on_connection_close(self) -> None:
        if self._exchange is not None:
            self._exchange.leave()
        super().on_connection_close()

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        if self._exchange is None or "set_content_type" in kwargs:
            return super().finish(*args, **kwargs)
        self.update_api_activity()
        return JupyterHandler.finish(self, *args, **kwargs)  # what the application said stays as it is


@lru_cache(maxsize=256)
def _user(owner: str) -> AuthenticatedUser:
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken

    return AuthenticatedUser(AccessToken(token="", client_id=owner, scopes=[]))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class WellKnownHandler(ATTHandler):
    """Says where and how MCP is spoken."""

    @web.authenticated
    async def get(self) -> None:
        base = self.host.base.removesuffix("/api/v1")
        self.finish(await self.host.run(_well_known, f"{base}/{self.host.settings.mcp_path.strip('/')}"))


def _well_known(endpoint: str) -> dict[str, Any]:
    from importlib.metadata import version

    from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

    return {
        "name": "att",
        "version": version("jupyter-att"),
        "endpoint": endpoint,
        "transports": [
            {"type": "streamable-http", "path": endpoint},
            {"type": "stdio", "command": ["att", "mcp", "serve", "--stdio"]},
        ],
        "protocol_versions": sorted(KNOWN_PROTOCOL_VERSIONS, reverse=True),
        "auth": {
            "schemes": ["bearer", "cookie"],
            "header": "Authorization: Bearer <token of this Jupyter server>",
            "cookie": "Jupyter's login cookie, with X-XSRFToken",
        },
    }
