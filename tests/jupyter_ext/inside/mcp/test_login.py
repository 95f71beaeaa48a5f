"""Who reaches MCP: login, sessions, cookies, Origin and Host, in both eras."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.auth.security import passwd
from traitlets.config import Config

from tests.jupyter_ext.inside.conftest import BASE, TOKEN, Fetch
from tests.jupyter_ext.inside.mcp.wire import ENDPOINT, ERAS, JUPYTER, Wire, answer
from tests.jupyter_ext.inside.test_login import att_token, cookies

FOREIGN = {"Origin": "https://evil.example"}
NO_LOGIN = {"IdentityProvider": {"token": ""}, "PasswordIdentityProvider": {"token": ""}}
WELL_KNOWN = f"{ENDPOINT}/.well-known"


async def projects(wire: Wire) -> Any:
    """Shake hands and list the projects."""
    begun = await wire.begin()
    assert begun.status == 200, begun.body
    return (await wire.call("att.project.list"))["structuredContent"]["projects"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
async def test_nobody_is_let_in_without_a_login(bare: Fetch, era: str, headers: dict[str, str]) -> None:
    refused = await Wire(bare, era, headers).begin()
    assert (refused.status, refused.code) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    for method in ("GET", "DELETE", "PUT", "PATCH"):
        reply = await bare(method, ENDPOINT, headers={"Accept": "text/event-stream", **headers})
        assert reply.status == 401, method
    assert (await bare("GET", WELL_KNOWN, headers=headers)).status == 401


@pytest.mark.parametrize("att_config", [Config({"ServerApp": {"allow_unauthenticated_access": False}})])
@pytest.mark.parametrize("era", ERAS)
async def test_a_server_that_forbids_anonymous_routes_is_no_different(bare: Fetch, era: str) -> None:
    assert (await Wire(bare, era, {}).begin()).status == 401
    assert (await bare("GET", ENDPOINT)).status == 401
    assert await projects(Wire(bare, era)) == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("jar", [False, True])
@pytest.mark.parametrize("scheme", ["token", "Bearer"])
async def test_jupyters_token_and_atts_own_open_it_with_and_without_a_cookie_jar(
    bare: Fetch, att_app: Any, era: str, jar: bool, scheme: str
) -> None:
    for token in (TOKEN, att_app.token):
        wire = Wire(bare, era, {"Authorization": f"{scheme} {token}"}, jar=jar)
        assert await projects(wire) == []
        assert (await wire.call("att.project.list"))["structuredContent"]["projects"] == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_cookie_needs_xsrf(bare: Fetch, era: str) -> None:
    cookie, xsrf = await cookies(bare, JUPYTER)
    refused = await Wire(bare, era, {"Cookie": cookie}).begin()
    assert (refused.status, refused.code) == (403, "permission_denied")
    assert "X-XSRFToken" in refused.json["detail"]
    assert await projects(Wire(bare, era, {"Cookie": cookie, "X-XSRFToken": xsrf})) == []


async def test_a_session_belongs_to_the_credential_that_opened_it(bare: Fetch, att_app: Any) -> None:
    mine = Wire(bare, ERAS[0])
    assert await projects(mine) == []
    cookie, xsrf = await cookies(bare, JUPYTER)
    for headers in (att_token(att_app), {"Cookie": cookie, "X-XSRFToken": xsrf}):
        other = Wire(bare, ERAS[0], headers, session=mine.session)
        reply = await other.send("tools/list")
        assert reply.status == 404
        assert "Session not found" in reply.body.decode()
    assert (await mine.send("tools/list")).status == 200


@pytest.mark.parametrize("era", ERAS)
async def test_a_foreign_page_is_refused_whatever_it_holds(bare: Fetch, att_app: Any, era: str) -> None:
    cookie, xsrf = await cookies(bare, JUPYTER)
    for headers in (JUPYTER, att_token(att_app), {"Cookie": cookie, "X-XSRFToken": xsrf}):
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
            reply = await Wire(bare, era, {**headers, "Origin": origin}).begin()
            assert (reply.status, reply.code) == (403, "permission_denied")
            assert "origin" in reply.json["detail"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_page_of_this_server_and_one_that_is_allowed_may_ask(
    bare: Fetch, http_server_client: Any, jp_serverapp: Any, era: str
) -> None:
    own = http_server_client.get_url("").rstrip("/")
    assert await projects(Wire(bare, era, {**JUPYTER, "Origin": own})) == []
    jp_serverapp.web_app.settings["allow_origin"] = "https://friend.example"
    assert await projects(Wire(bare, era, {**JUPYTER, "Origin": "https://friend.example"})) == []
    asked = await bare("OPTIONS", ENDPOINT, headers={"Origin": "https://friend.example"})
    assert asked.status in (200, 204)
    assert asked.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    assert "mcp-session-id" in asked.headers["Access-Control-Allow-Headers"]
    assert asked.headers["Access-Control-Expose-Headers"] == "mcp-session-id"


@pytest.mark.parametrize("era", ERAS)
async def test_a_foreign_host_name_is_refused(bare: Fetch, att_app: Any, era: str) -> None:
    for headers in (JUPYTER, att_token(att_app)):
        reply = await Wire(bare, era, {**headers, "Host": "evil.example"}).begin()
        assert (reply.status, reply.code) == (403, "permission_denied")
        assert "evil.example" in reply.json["detail"]


@pytest.mark.parametrize("att_config", [Config(NO_LOGIN)])
@pytest.mark.parametrize("jar", [False, True])
@pytest.mark.parametrize("era", ERAS)
async def test_without_a_login_everybody_is_the_same_anonymous_user(bare: Fetch, era: str, jar: bool) -> None:
    wire = Wire(bare, era, {}, jar=jar)
    assert await projects(wire) == []
    assert await projects(Wire(bare, era, {}, session=wire.session)) == []
    assert (await Wire(bare, era, FOREIGN).begin()).status == 403


@pytest.mark.parametrize("att_config", [Config({**NO_LOGIN, "ServerApp": {"allow_remote_access": True}})])
@pytest.mark.parametrize("era", ERAS)
async def test_without_a_login_a_name_that_was_made_to_lead_here_is_no_origin(bare: Fetch, era: str) -> None:
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    assert (await Wire(bare, era, rebound).begin()).status == 403
    assert await projects(Wire(bare, era, {"Host": "evil.example"})) == []  # no page: a program, which may lie anyway


@pytest.mark.parametrize("att_config", [Config({"ServerApp": {"allow_remote_access": True}})])
@pytest.mark.parametrize("era", ERAS)
async def test_remote_access_allows_any_host_name_to_who_has_the_token(bare: Fetch, era: str) -> None:
    assert await projects(Wire(bare, era, {**JUPYTER, "Host": "far.example"})) == []
    assert await projects(Wire(bare, era, {**JUPYTER, "Host": "far.example", "Origin": "http://far.example"})) == []
    assert (await Wire(bare, era, {**JUPYTER, "Host": "far.example", **FOREIGN}).begin()).status == 403


@pytest.mark.parametrize(
    "att_config",
    [Config({"PasswordIdentityProvider": {"hashed_password": passwd("secret", "sha256"), "token": ""}})],  # type: ignore[no-untyped-call]
)
@pytest.mark.parametrize("era", ERAS)
async def test_a_server_with_a_password_is_opened_by_atts_token(bare: Fetch, att_app: Any, era: str) -> None:
    assert (await Wire(bare, era, {}).begin()).status == 401
    assert await projects(Wire(bare, era, att_token(att_app))) == []


class OnlyReading(Authorizer):
    """Lets everybody read, but nothing of the runtime."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == "read" and resource != "att.runtime"


@pytest.mark.parametrize("att_config", [Config({"ServerApp": {"authorizer_class": OnlyReading}})])
@pytest.mark.parametrize("era", ERAS)
async def test_the_authorizer_is_asked_for_each_operation(bare: Fetch, att_app: Any, era: str) -> None:
    wire = Wire(bare, era)
    assert await projects(wire) == []
    for name in ("att.runtime.status", "att.runtime.start", "att.project.delete"):
        refused = await wire.call(name, project="none")
        assert (refused["isError"], refused["structuredContent"]["code"]) == (True, "permission_denied")
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("resources/read", "att://project/none/logs", {"uri": "att://project/none/logs"}),
        ("prompts/get", "diagnose_crash", {"name": "diagnose_crash", "arguments": {"project": "none"}}),
    ]
    for method, name, params in asked:
        heads = {"Mcp-Name": name} if era == ERAS[1] else {}
        error = answer(await wire.send(method, params, heads))["error"]
        assert error["data"]["code"] == "permission_denied"
    owner = Wire(bare, era, att_token(att_app))
    await owner.begin()
    found = await owner.call("att.runtime.status", project="none")
    assert found["structuredContent"]["code"] == "not_found"


async def test_where_mcp_is_spoken_can_be_asked(bare: Fetch) -> None:
    reply = await bare("GET", WELL_KNOWN, headers=JUPYTER)
    assert reply.status == 200
    assert reply.json["endpoint"] == f"{BASE}mcp"
    assert reply.json["protocol_versions"][0] == "2026-07-28"
    assert reply.json["protocol_versions"][-1] == "2024-11-05"
    assert {t["type"] for t in reply.json["transports"]} == {"streamable-http", "stdio"}
    assert "bearer" in reply.json["auth"]["schemes"]
