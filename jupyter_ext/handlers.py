"""Tornado handlers of the API: who calls, may they, and the answer as JSON or as a problem document."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any, cast

from jupyter_server import CallContext
from jupyter_server.auth import User
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.iostream import StreamClosedError

from att.errors import ATTError, Internal, Invalid, NotFound, PermissionDenied, TooLarge, Unauthenticated
from jupyter_ext.hosting import Host

__all__ = ["ATTHandler", "Refused", "api_prefix"]

_OWNER = User(username="att", name="ATT", display_name="ATT (this server's kernels)", initials="A")
_METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
_BY_STATUS: dict[int, type[ATTError]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    413: TooLarge,
}


class Refused(web.HTTPError):
    """A request that ends with an ATT error; Tornado knows what to do with HTTP errors."""

    def __init__(self, error: ATTError) -> None:
        super().__init__(error.status, error.message.replace("%", "%%"))
        self.error = error


def api_prefix(base_url: str) -> str:
    """Return the path below which the API lies, without a slash at its end."""
    return base_url.rstrip("/") + "/api/v1"


class ATTHandler(APIHandler):
    """Base of every handler of ATT.

    A request is let in by what Jupyter's identity provider accepts, or by ATT's own token. That token is readable
    by this server's user alone, who can do everything here anyway, so it needs neither an origin, nor XSRF, nor the
    authorizer; no other handler of the server knows it. Jupyter's users are asked for at the authorizer with the
    operation's action and `att.<domain>`.
    """

    _by_att_token = False
    _track_activity = False

    @property
    def host(self) -> Host:
        return cast(Host, self.settings["att_host"])

    async def prepare(self) -> None:  # type: ignore[override]
        """Find out who calls; raise what becomes a problem document when they may not."""
        if self.request.method == "OPTIONS":
            await JupyterHandler.prepare(self)
        elif self._has_att_token():
            self._let_the_owner_in()
        else:
            await self._ask_jupyter()

    def sent_token(self) -> str | None:
        """Return the token in the request's head, if there is one."""
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        return given.strip() if scheme.lower() in ("bearer", "token") else None

    def _has_att_token(self) -> bool:
        given, token = self.sent_token(), self.settings["att_token"]
        return given is not None and hmac.compare_digest(given.encode(), token.encode())

    def _let_the_owner_in(self) -> None:
        CallContext.set(CallContext.JUPYTER_HANDLER, self)
        if not self.check_host():
            raise Refused(self._host_refused())
        self._by_att_token = True
        self.current_user = self._jupyter_current_user = _OWNER
        self.set_cors_headers()

    async def _ask_jupyter(self) -> None:
        try:
            await self._prepare_jupyter()
        except web.HTTPError as error:
            raise Refused(self._why(error)) from error
        if self.current_user is None:
            raise Refused(Unauthenticated("Log in, or send the token as 'Authorization: Bearer <token>'."))
        if not self.check_origin():
            raise Refused(self._origin_refused())

    async def _prepare_jupyter(self) -> None:
        await JupyterHandler.prepare(self, _redirect_to_login=False)

    def _why(self, error: web.HTTPError) -> ATTError:
        """Tell what Jupyter's preparation refused; it raises 403 or 404 for everything."""
        if not self.check_host():
            return self._host_refused()
        if getattr(self, "_jupyter_current_user", None) is None:
            return Unauthenticated("Log in, or send the token as 'Authorization: Bearer <token>'.")
        if not self.check_origin():
            return self._origin_refused()
        return PermissionDenied(
            f"{error.log_message or 'Refused'}. Send the _xsrf cookie's value as X-XSRFToken, or use a token."
        )

    def _host_refused(self) -> PermissionDenied:
        return PermissionDenied(f"The host name {self.request.host!r} is not allowed; see ServerApp.local_hostnames.")

    def _origin_refused(self) -> PermissionDenied:
        return PermissionDenied(f"The origin {self.get_origin()!r} is not allowed; see ServerApp.allow_origin.")

    def skip_check_origin(self) -> bool:
        return self._by_att_token or super().skip_check_origin()

    @property
    def token_authenticated(self) -> bool:
        return self._by_att_token or super().token_authenticated

    async def authorize(self, action: str, domain: str) -> None:
        """Ask the authorizer with both arguments. Raises PermissionDenied."""
        if self._by_att_token:
            return
        user, resource = self.current_user, f"att.{domain}"
        if not await ensure_async(self.authorizer.is_authorized(self, user, action, resource)):
            raise PermissionDenied(f"You may not {action} {resource}; ask who runs this server.", resource=resource)

    def count_as_activity(self, action: str) -> None:
        """Changing something is activity; reading is not, or every open panel would keep an idle server alive."""
        self._track_activity = action != "read"

    def compute_etag(self) -> None:
        return None

    @allow_unauthenticated
    def options(self, *args: Any, **kwargs: Any) -> None:
        super().options(*args, **kwargs)

    def send_problem(self, error: ATTError) -> None:
        """Answer with a problem document, unless the answer has begun."""
        from att.surfaces.rest import problem_answer

        answer = problem_answer(error, self.request.path)
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.body, set_content_type=answer.content_type)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Turn what was raised into a problem document."""
        info = kwargs.get("exc_info")
        self.send_problem(_as_error(status_code, info[1] if info else None))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, Refused | StreamClosedError | asyncio.CancelledError):
            super().log_exception(typ, value, tb)


def _as_error(status: int, raised: BaseException | None) -> ATTError:
    from att.surfaces.rest import MethodNotAllowed

    if isinstance(raised, Refused):
        return raised.error
    if isinstance(raised, ATTError):
        return raised
    if not isinstance(raised, web.HTTPError) and status >= 500:
        return Internal("ATT failed; the server's log says where.")
    message = (raised.log_message if isinstance(raised, web.HTTPError) else None) or "The request was refused."
    if status == 405:
        return MethodNotAllowed(
            "This method is not known; the API uses " + ", ".join(_METHODS) + ".", allowed=list(_METHODS)
        )
    known = _BY_STATUS.get(status, Invalid if status < 500 else Internal)
    if known.status == status:
        return known(message)
    found: ATTError = type(known.__name__, (known,), {"status": status})(message)
    return found
