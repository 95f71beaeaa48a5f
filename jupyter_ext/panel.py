"""Whether the panel for JupyterLab is installed, which it is not after an installation from sources without Node."""

from __future__ import annotations

from pathlib import Path

from jupyter_core.paths import jupyter_path

__all__ = ["MISSING", "NAME", "is_installed"]

NAME = "jupyter-att"
MISSING = (
    "Only the panel for JupyterLab is missing: it was installed from sources without Node. Install Node and "
    "jupyter-att again, or install the wheel."
)


def is_installed() -> bool:
    """Look where JupyterLab looks for prebuilt extensions."""
    return any((Path(folder) / NAME / "package.json").is_file() for folder in jupyter_path("labextensions"))
