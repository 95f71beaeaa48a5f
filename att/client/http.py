"""The way to ATT in a Jupyter server: REST, problem documents, and streams that resume from their cursor."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from att.client.sse import ServerSentEvent, read_events
from att.client.stopping import Stop
from att.client.transports import Mode
from att.errors import ATTError, Unauthenticated, Unavailable, error_from_problem
from att.models import Page
from att.operations import Operation

if TYPE_CHECKING:
    from att.runtime.logs import RawPage
    from att.surfaces.handwritten import HistoryArguments, RawLogArguments

__all__ = ["API_PATH", "RECONNECT", "HttpTransport", "is_loopback"]

API_PATH = "api/v1"
RECONNECT = "Then connect again with att.connect()."
"""What a person does in a cell; a widget goes on with the session that it has."""
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
_SILENCE_SECONDS = 45.0
"""Without a byte for so long a stream is taken for dead and opened again."""
_RECONNECT_SECONDS = 30.0
"""A stream that is lost is opened again for so long."""
_AGAIN_SECONDS = 0.3


class HttpTransport:
    """Speaks to one server. Environment proxies are ignored for a server on this machine."""

    mode: Mode = "server"

    def __init__(
        self, url: str, token: str | None = None, *, sock: str | None = None, certfile: str | None = None
    ) -> None:
        self.where = url.rstrip("/") + "/"
        self.token = token
        self._sock = sock
        self._trust_env = not is_loopback(url)
        self._verify = self._context(certfile)
        self._client = self._open()
        self._streams: dict[int, httpx.Client] = {}

    def _context(self, certfile: str | None) -> ssl.SSLContext | bool:
        if certfile:
            return _trusting(certfile)
        # Loading the authorities takes 50 ms, and without TLS there is no certificate to verify.
        return httpx.URL(self.where).scheme == "https" and httpx.create_ssl_context(trust_env=self._trust_env)

    def _open(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.where}{API_PATH}",
            headers={"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {}),
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            trust_env=self._trust_env,
            verify=self._verify,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            transport=httpx.HTTPTransport(uds=self._sock, verify=self._verify) if self._sock else None,
        )

    def call(self, operation: Operation, given: Mapping[str, Any]) -> Any:
        request = self._request(operation, operation.validate(given))
        if operation.slow:
            request.extensions["timeout"] = httpx.Timeout(None, connect=_CONNECT_SECONDS).as_dict()
        with self._reaching():
            response = self._client.send(request)
        self._raise_for(response)
        return self._parsed(operation, response.content)

    def pages(
        self, operation: Operation, given: Mapping[str, Any], tick_seconds: float | None, stop: Stop | None = None
    ) -> Iterator[Page | None]:
        arguments = operation.validate(given)
        cursor: str | None = None
        reached_at = time.monotonic()
        patience = _RECONNECT_SECONDS if stop is None else 0.0
        stop = stop or Stop()
        while not stop.is_set:
            request = self._request(operation, arguments)
            request.headers.update({"Accept": "text/event-stream"} | ({"Last-Event-ID": cursor} if cursor else {}))
            try:
                for event in self._events(request, tick_seconds, stop):
                    reached_at, cursor = time.monotonic(), event.id or cursor
                    if event.kind == "page":
                        yield self._parsed(operation, event.data)
                    elif event.kind == "end":
                        return
                    elif tick_seconds is not None:
                        yield None
                stop.wait(_AGAIN_SECONDS)
            except httpx.ReadTimeout:
                yield from (None,) if tick_seconds is not None else ()
            except httpx.TransportError as error:
                if not stop.is_set and time.monotonic() - reached_at > patience:
                    self._unreachable(error)
                stop.wait(_AGAIN_SECONDS)

    def raw_log(self, arguments: RawLogArguments) -> RawPage:
        from att.runtime.logs import RawPage

        query = arguments.model_dump(exclude={"project"}, exclude_none=True)
        with self._reaching():
            response = self._client.get(f"projects/{arguments.project}/runtime/logs/raw", params=query)
        self._raise_for(response)
        told = response.headers
        lost = told.get("ATT-Lost-Bytes")
        return RawPage(
            data=response.content,
            cursor=told.get("ATT-Cursor"),
            has_more=told.get("ATT-Has-More") == "true",
            truncated=told.get("ATT-Truncated") == "true",
            lost_bytes=int(lost) if lost is not None else None,
            run_changed=told.get("ATT-Run-Changed") == "true",
            run_id=told.get("ATT-Run-Id"),
        )

    def archive(self, project: str) -> AbstractContextManager[Iterator[bytes]]:
        return self._blocks(f"projects/{quote(project, safe='')}/archive", {})

    def history(self, arguments: HistoryArguments) -> AbstractContextManager[Iterator[bytes]]:
        given = arguments.model_dump(exclude_none=True)
        project = given.pop("project", None)
        return self._blocks("test/history" if project is None else f"projects/{project}/test/history", given)

    @contextlib.contextmanager
    def _blocks(self, path: str, query: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        with self._reaching(), self._client.stream("GET", path, params=dict(query)) as response:
            if not response.is_success:
                response.read()
            self._raise_for(response)
            yield response.iter_bytes()

    def close(self) -> None:
        for client in (*self._streams.values(), self._client):
            client.close()

    def _request(self, operation: Operation, arguments: BaseModel) -> httpx.Request:
        values = arguments.model_dump(mode="json", exclude_unset=True)
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
        for parameter in operation.wire_parameters:
            if parameter.name in values:
                parts[parameter.location][parameter.name] = values[parameter.name]
        path = operation.path.format(**{name: quote(str(value), safe="") for name, value in parts["path"].items()})
        body = parts["body"] if operation.method in ("POST", "PUT", "PATCH") else None
        with operation.refusing_names():
            return self._client.build_request(
                operation.method, path.lstrip("/"), params=_query(parts["query"]), json=body
            )

    def _events(self, request: httpx.Request, tick_seconds: float | None, stop: Stop) -> Iterator[ServerSentEvent]:
        """Yield the events of one stream. Raises what the server answers or tells instead."""
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS).as_dict()
        request.extensions["timeout"] = timeout
        # Connections of its own: the garbage collector may end a stream that nobody reads any more while this thread is
        # in the middle of a request, whose connections are behind a lock that knows no second entry.
        client = self._open()
        self._streams[id(client)] = client
        try:
            response = client.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                self._raise_for(response)
                # Read anew for the body: silence may then be as short as a tick.
                timeout["read"] = tick_seconds or _SILENCE_SECONDS
                with stop.interrupting(lambda: _shut(response)):
                    for event in read_events(response.iter_lines()):
                        if event.kind == "problem":
                            raise error_from_problem(json.loads(event.data))
                        yield event
            finally:
                response.close()
        finally:
            del self._streams[id(client)]
            client.close()

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            self._unreachable(error)

    def _unreachable(self, error: httpx.TransportError) -> NoReturn:
        if isinstance(error, httpx.ReadTimeout):
            why = f"did not answer within {_ANSWER_SECONDS:g} s; what was asked for may go on"
        else:
            why = f"cannot be reached ({error})"
        raise Unavailable(
            f"ATT's server at {self.where} {why}. See whether the Jupyter server runs. {RECONNECT}",
            url=self.where,
        ) from error

    def _raise_for(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            raise error_from_problem(response.json())
        raise _foreign_answer(self.where, response)

    def _parsed(self, operation: Operation, content: bytes | str) -> Any:
        """Read a result, ignoring fields that a newer server of the same major version may send."""
        try:
            return operation.result_adapter.validate_json(content, extra="ignore")
        except ValidationError as error:
            raise Unavailable(
                f"What {self.where} answered to {operation.name} is not what this version of jupyter-att expects "
                f"({error.error_count()} differences). Install the same version on both sides."
            ) from error


def _shut(response: httpx.Response) -> None:
    """End the connection of a response under the thread that reads it; that thread then closes it."""
    found = response.extensions["network_stream"].get_extra_info("socket")
    with contextlib.suppress(OSError):
        # Not the method of an SSL socket, which would take its state away from the reader.
        socket.socket.shutdown(found, socket.SHUT_RDWR)


def _foreign_answer(where: str, response: httpx.Response) -> ATTError:
    """Translate an answer that is not ATT's own: a login page, a proxy, a server without ATT."""
    status = response.status_code
    if status in (401, 403) or response.is_redirect:
        return Unauthenticated(
            f"The Jupyter server at {where} refused the token. Give one with att.connect(url, token) or ATT_TOKEN.",
            url=where,
            http_status=status,
        )
    hint = "ATT is not loaded there: install jupyter-att and restart it" if status == 404 else "see the server's log"
    return Unavailable(f"The server at {where} answered {status}; {hint}.", url=where, http_status=status)


def _trusting(certfile: str) -> ssl.SSLContext:
    """Trust exactly the certificate that a server of this user has published, whatever name is on it."""
    context = ssl.create_default_context(cafile=certfile)
    context.check_hostname = False
    return context


def _query(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def is_loopback(url: str) -> bool:
    """Say whether a URL means this machine."""
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
