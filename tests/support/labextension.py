"""The JupyterLab panel of this checkout, built when its sources have changed."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from tests.support.servers import Home

__all__ = ["ROOT", "SOURCES", "build_hook", "built_labextension", "install_panel"]

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "jupyter_ext" / "labextension"


def build_hook() -> Any:
    """Return the module that builds the panel for wheels."""
    specification = importlib.util.spec_from_file_location("labextension_build", SOURCES / "hatch_build.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def built_labextension() -> Path | None:
    """Return the folder of the built panel. Without Node it is None on a laptop, and an error where CI is set."""
    hook = build_hook()
    try:
        built: Path = hook.ensure_built()
    except hook.CannotBuild:
        if os.environ.get("CI"):
            raise
        return None
    return built


def install_panel(home: Home, built: Path) -> None:
    """Put the built panel where a server of this home finds it, before the environment's own."""
    place = home.root / "share" / "labextensions" / "jupyter-att"
    place.parent.mkdir(parents=True)
    place.symlink_to(built)
