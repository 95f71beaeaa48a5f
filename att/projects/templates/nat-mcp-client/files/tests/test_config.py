"""The workflow file names a component that this project registers."""

from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "nat_mcp_client"


def test_the_workflow_uses_the_component_of_this_project():
    assert "_type: ask_tool" in (SOURCE / "configs" / "config.yml").read_text()
    assert 'name="ask_tool"' in (SOURCE / "register.py").read_text()
