"""The public door: what `att` offers, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import att
from att.errors import error_classes
from tests.client.scripted import Asked, Reply, health, scripted

_HEAVY = [
    "pydantic",
    "sqlalchemy",
    "alembic",
    "pandas",
    "pyarrow",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "httpx",
    "psutil",
    "mcp",
]


def test_the_door_offers_connect_the_errors_the_classes_for_annotations_and_the_version() -> None:
    errors = {"ATTError", *(cls.__name__ for cls in error_classes().values())}
    assert set(att.__all__) == errors | {
        "Following",
        "History",
        "LiveSetup",
        "LiveTestRun",
        "ProjectHandle",
        "Session",
        "__version__",
        "connect",
        "dashboard",
    }


@pytest.mark.parametrize("name", att.__all__)
def test_every_offered_name_is_there(name: str) -> None:
    assert getattr(att, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="conect"):
        att.conect  # noqa: B018


def _loaded_after(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps([m for m in {_HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout))


def test_importing_the_door_loads_nothing_heavy() -> None:
    assert _loaded_after("import att") == set()


def test_a_client_of_a_server_loads_neither_the_store_nor_data_frames() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(health())

    with scripted(answer) as server:
        loaded = _loaded_after(f"import att\nwith att.connect({server.url!r}, 't') as s: s.health()")
    assert loaded == {"pydantic", "httpx"}
