"""NeMo Agent Toolkit and ATT use each other over MCP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import att
from att.client.session import Session
from tests.support.jupyter import jupyter_server
from tests.support.waiting import eventually

pytestmark = [pytest.mark.nat, pytest.mark.timeout(300)]


@pytest.fixture
def words(session: Session, tmp_path: Path, python: Path) -> att.ProjectHandle:
    """A project that serves its functions over MCP."""
    made = session.projects.create("words", template="nat-mcp-server", path=str(tmp_path / "words"), python=str(python))
    made.runtime.start(wait="healthy", timeout=120)
    return made


def test_the_hub_calls_functions_of_a_nat_server_and_sees_it_go_and_come(
    session: Session, words: att.ProjectHandle
) -> None:
    session.mcp.add("words", address=f"{words.url}/mcp", project=words.id)
    assert session.mcp.connect("words", project=words.id, timeout=60).state == "healthy"
    assert "count_words" in [tool.name for tool in session.mcp.tools(project=words.id).tools]
    answer = session.mcp.call("count_words", {"text": "a rose is a Rose"}, project=words.id)
    assert json.loads(answer.text) == {"a": 2, "rose": 2, "is": 1}
    port = int((words.url or "").rpartition(":")[2])
    words.update(port=port)
    words.runtime.stop()
    with pytest.raises(att.Unavailable, match="words"):
        session.mcp.call("count_words", {"text": "a"}, project=words.id)
    words.runtime.start(wait="healthy", timeout=120)
    eventually(lambda: session.mcp.status("words", words.id).state == "healthy", 60)
    assert not session.mcp.call("count_words", {"text": "a"}, project=words.id).is_error


def test_a_nat_workflow_calls_the_tools_of_a_nat_server(
    session: Session, words: att.ProjectHandle, tmp_path: Path, python: Path
) -> None:
    env = {"ATT_MCP_URL": f"{words.url}/mcp", "MCP_TOOL": "count_words", "ATT_PROJECT_TOKEN": "none"}
    asking = session.projects.create(
        "asking", template="nat-mcp-client", path=str(tmp_path / "asking"), python=str(python), env=env
    )
    asking.runtime.start(wait="healthy", timeout=120)
    told = asking.http.post("/v1/workflow", json={"message": "b b"}, timeout=60).json()
    assert "2" in told["value"]


def test_a_nat_workflow_calls_the_tools_of_att(tmp_path: Path, python: Path) -> None:
    """ATT is in a Jupyter server; the workflow is one of its own projects, with the token that it is granted."""
    with (
        jupyter_server(tmp_path / "server", "--ATT.mcp_tool_separator=_") as server,
        att.connect(server.url, server.token) as session,
    ):
        session.projects.create("other", path=str(tmp_path), command=["true"])
        asking = session.projects.create(
            "asking", template="nat-mcp-client", path=str(tmp_path / "asking"), python=str(python)
        )
        try:
            asking.runtime.start(wait="healthy", timeout=120)
            told = asking.http.post("/v1/workflow", json={"message": "{}"}, timeout=60).json()
            assert json.loads(told["value"])["project"]["id"] == "asking"
            told = asking.http.post("/v1/workflow", json={"message": '{"project": "other"}'}, timeout=60)
            assert "permission_denied" in told.text
        finally:
            asking.delete()
