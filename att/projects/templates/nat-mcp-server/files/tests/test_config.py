"""The configuration names a component that this project registers."""

from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "nat_mcp_server"


def test_the_configuration_uses_the_component_of_this_project():
    assert "_type: count_words" in (SOURCE / "configs" / "config.yml").read_text()
    assert 'name="count_words"' in (SOURCE / "register.py").read_text()
