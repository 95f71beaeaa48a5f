"""The workflow file names a component that this project registers."""

from pathlib import Path

CONFIG = Path(__file__).parents[1] / "src" / "nat_echo" / "configs" / "config.yml"
REGISTER = Path(__file__).parents[1] / "src" / "nat_echo" / "register.py"


def test_the_workflow_uses_the_component_of_this_project():
    assert "_type: echo" in CONFIG.read_text()
    assert 'name="echo"' in REGISTER.read_text()
