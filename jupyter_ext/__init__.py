"""Jupyter server extension of ATT: hosts the workspace and serves it over REST and streams."""

from __future__ import annotations

from typing import Any

__all__: list[str] = []


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension/built", "dest": "jupyter-att"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_ext.extension import ATTApp

    return [{"module": "jupyter_ext.extension", "app": ATTApp}]
