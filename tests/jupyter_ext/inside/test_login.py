"""Who may call, in every way of logging in, on every kind of route."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.auth.security import passwd
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect
from traitlets.config import Config

from att.surfaces.rest import all_operations
from tests.jupyter_ext.inside.conftest import BASE, TOKEN, Fetch

ROUTES = sorted({(o.method, o.path.replace("{project}", "demo")) for o in all_operations()})
BY_HAND = [
    ("GET", "/openapi.json"),
    ("GET", "/projects/demo/archive"),
    ("GET", "/projects/demo/runtime/logs/raw"),
    ("GET", "/projects/demo/ws"),
    ("GET", "/nothing"),
]
FOREIGN = {"Origin": "https://evil.example"}


def att_token(app: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {app.token}"}


async def test_no_route_answers_without_a_login(bare: Fetch) -> None:
    for method, path in [*ROUTES, *BY_HAND]:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Accept": "text/event-stream"}):
            reply = await bare(method, path, {} if method in ("POST", "PUT", "PATCH") else None, headers=headers)
            assert (reply.status, reply.code) == (401, "unauthenticated"), (method, path, headers)


@pytest.mark.parametrize("att_config", [Config({"ServerApp": {"allow_unauthenticated_access": False}})])
async def test_a_login_is_needed_in_a_server_that_forbids_anonymous_routes_as_well(bare: Fetch) -> None:
    assert (await bare("GET", "/health")).status == 401
    assert (await bare("POST", "/projects", {})).status == 401
    assert (await bare("GET", "/health", headers={"Authorization": f"token {TOKEN}"})).status == 200


async def test_jupyters_token_opens_by_header_and_by_query(bare: Fetch) -> None:
    for headers, query in (
        ({"Authorization": f"token {TOKEN}"}, {}),
        ({"Authorization": f"Bearer {TOKEN}"}, {}),
        ({}, {"token": TOKEN}),
    ):
        reply = await bare("GET", "/health", headers=headers, **query)
        assert (reply.status, reply.json["name"]) == (200, "att")


async def test_atts_token_opens_att_and_nothing_else(bare: Fetch, att_app: Any) -> None:
    for scheme in ("Bearer", "token", "bearer"):
        headers = {"Authorization": f"{scheme} {att_app.token}"}
        assert (await bare("GET", "/health", headers=headers)).status == 200
        assert (await bare("GET", f"{BASE}api/kernels", headers=headers)).status in (401, 403)
        assert (await bare("GET", f"{BASE}api/contents", headers=headers)).status in (401, 403)
    assert (await bare("GET", "/health", token=att_app.token)).status == 401
    assert (await bare("GET", "/health", headers={"Authorization": f"Basic {att_app.token}"})).status == 401


async def test_tokens_need_no_xsrf_and_no_origin(bare: Fetch, att_app: Any) -> None:
    for headers in (att_token(att_app), {"Authorization": f"token {TOKEN}"}):
        made = await bare("POST", "/projects/none/runtime/probe", {}, headers={**headers, **FOREIGN})
        assert (made.status, made.code) == (404, "not_found")


async def test_a_cookie_can_read_but_needs_xsrf_to_write(bare: Fetch) -> None:
    cookie, xsrf = await cookies(bare, {"Authorization": f"token {TOKEN}"})
    assert (await bare("GET", "/health", headers={"Cookie": cookie})).status == 200
    refused = await bare("POST", "/projects/none/runtime/probe", {}, headers={"Cookie": cookie})
    assert (refused.status, refused.code) == (403, "permission_denied")
    assert "X-XSRFToken" in refused.json["detail"]
    allowed = await bare("POST", "/projects/none/runtime/probe", {}, headers={"Cookie": cookie, "X-XSRFToken": xsrf})
    assert allowed.status == 404


async def test_a_foreign_page_with_a_cookie_is_refused(bare: Fetch) -> None:
    cookie, xsrf = await cookies(bare, {"Authorization": f"token {TOKEN}"})
    for method, path in (("GET", "/health"), ("POST", "/projects/none/runtime/probe")):
        body: dict[str, Any] | None = {} if method == "POST" else None
        reply = await bare(method, path, body, headers={"Cookie": cookie, "X-XSRFToken": xsrf, **FOREIGN})
        assert (reply.status, reply.code) == (403, "permission_denied")
        assert "origin" in reply.json["detail"]


async def test_a_foreign_host_name_is_refused(bare: Fetch, att_app: Any) -> None:
    for headers in (att_token(att_app), {"Authorization": f"token {TOKEN}"}):
        reply = await bare("GET", "/health", headers={**headers, "Host": "evil.example"})
        assert (reply.status, reply.code) == (403, "permission_denied")
        assert "evil.example" in reply.json["detail"]


@pytest.mark.parametrize(
    "att_config",
    [Config({"PasswordIdentityProvider": {"hashed_password": passwd("secret", "sha256"), "token": ""}})],  # type: ignore[no-untyped-call]
)
async def test_a_server_with_a_password_knows_atts_token_and_its_own_cookie(
    bare: Fetch, att_app: Any, jp_runtime_dir: Path
) -> None:
    assert att_app.server.identity_provider.token == ""
    assert (await bare("GET", "/health")).status == 401
    assert (await bare("GET", "/health", headers={"Authorization": "Bearer "})).status == 401
    assert (await bare("GET", "/health", headers=att_token(att_app))).status == 200
    page = await bare("GET", f"{BASE}login")
    xsrf = SimpleCookie(page.headers["Set-Cookie"])["_xsrf"].value
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"_xsrf={xsrf}"}
    login = await bare("POST", f"{BASE}login", f"password=secret&_xsrf={xsrf}".encode(), headers=form)
    assert login.status == 302
    cookie = "; ".join(
        f"{m.key}={m.coded_value}" for text in login.headers.get_list("Set-Cookie") for m in SimpleCookie(text).values()
    )
    assert (await bare("GET", "/health", headers={"Cookie": cookie})).status == 200


class OnlyReading(Authorizer):
    """Lets everybody read and nobody else do anything; remembers what it was asked."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 - one list for all, as the server makes the instance

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return action == "read" and resource != "att.runtime"


@pytest.mark.parametrize("att_config", [Config({"ServerApp": {"authorizer_class": OnlyReading}})])
async def test_the_authorizer_is_asked_with_action_and_domain_of_each_operation(
    fetch: Fetch, bare: Fetch, att_app: Any
) -> None:
    for operation in all_operations():
        OnlyReading.asked.clear()
        path = operation.path.replace("{project}", "none")
        reply = await fetch(operation.method, path, {} if operation.method in ("POST", "PUT", "PATCH") else None)
        domain = operation.name.split(".")[0]
        assert OnlyReading.asked == [(operation.action, f"att.{domain}")]
        denied = operation.action != "read" or domain == "runtime"
        assert (reply.status == 403) == denied, operation.name
        if denied:
            assert reply.code == "permission_denied"
    streamed = await fetch("GET", "/projects/none/runtime/logs", headers={"Accept": "text/event-stream"})
    assert streamed.status == 403
    assert (await fetch("GET", "/projects/none/runtime/logs/raw")).status == 403
    OnlyReading.asked.clear()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    assert (await fetch("GET", "/projects/none/ws", headers=upgrade, logs="true")).status == 403
    assert OnlyReading.asked == [("read", "att.project"), ("read", "att.runtime")]
    owner = await bare("POST", "/projects/none/runtime/probe", {}, headers=att_token(att_app))
    assert owner.status == 404


async def test_a_websocket_asks_for_a_login_and_minds_the_origin(
    bare: Fetch, fetch: Fetch, att_app: Any, http_server_client: Any, tmp_path: Path
) -> None:
    (tmp_path / "demo").mkdir()
    await fetch("POST", "/projects", {"id": "demo", "path": str(tmp_path / "demo")})
    url = http_server_client.get_url(f"{BASE}api/v1/projects/demo/ws").replace("http://", "ws://")
    cookie, _ = await cookies(bare, {"Authorization": f"token {TOKEN}"})
    refused: list[dict[str, str]] = [{}, {"Authorization": "Bearer wrong"}, {"Cookie": cookie, **FOREIGN}]
    for headers, status in zip(refused, (401, 401, 403), strict=True):
        with pytest.raises(HTTPClientError) as caught:
            await websocket_connect(HTTPRequest(url, headers=headers))
        assert caught.value.code == status
    accepted: list[dict[str, str]] = [
        {"Cookie": cookie},
        {**att_token(att_app), **FOREIGN},
        {"Authorization": f"token {TOKEN}"},
    ]
    for headers in accepted:
        socket = await websocket_connect(HTTPRequest(url, headers=headers))
        assert json.loads(str(await socket.read_message()))["operation"] == "project.events"
        socket.close()


async def cookies(bare: Fetch, headers: dict[str, str]) -> tuple[str, str]:
    """Log in with a token as a browser does; return the Cookie header and the XSRF token."""
    reply = await bare("GET", f"{BASE}tree", headers=headers)
    found = {m.key: m for text in reply.headers.get_list("Set-Cookie") for m in SimpleCookie(text).values()}
    if "_xsrf" not in found:
        page = await bare("GET", f"{BASE}login")
        found |= {m.key: m for text in page.headers.get_list("Set-Cookie") for m in SimpleCookie(text).values()}
    return "; ".join(f"{m.key}={m.coded_value}" for m in found.values()), found["_xsrf"].value
