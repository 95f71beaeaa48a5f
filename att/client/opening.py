"""Opening a project's page in the browser, which may be on another machine than the project."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from att.client.progress import in_notebook, say
from att.errors import NotSupported
from att.system.models import PROXY

if TYPE_CHECKING:
    from att.client.session import Session

__all__ = ["open_in_browser", "proxied"]


def open_in_browser(url: str, session: Session) -> str:
    """Open `url` or the address at which the browser reaches it, and return that address.

    Raises NotSupported, with what to do, when nothing leads there.
    """
    if _desktop_here():
        webbrowser.open(url)
        return url
    path = proxied(url, session)
    if path is None:
        parts = urlsplit(url)
        tunnel = f"ssh -L {parts.port}:{parts.hostname}:{parts.port} <this machine>"
        raise NotSupported(
            f"A browser elsewhere cannot reach {url}. Install {PROXY} where JupyterLab runs and restart the Jupyter "
            f"server, or forward the port: {tunnel}.",
            url=url,
        )
    _show_link(path)
    return path


def proxied(url: str, session: Session) -> str | None:
    """Return the path on the Jupyter server that leads to `url`; None where nothing forwards it."""
    if session.mode != "server" or PROXY not in session.health().capabilities:
        return None
    return f"{urlsplit(session.transport.where).path}proxy/{urlsplit(url).port}/"


def _desktop_here() -> bool:
    if any(name in os.environ for name in ("SSH_CONNECTION", "JUPYTERHUB_SERVICE_PREFIX")):
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show_link(path: str) -> None:
    if not in_notebook():
        say(f"Open {path} on the Jupyter server.")
        return
    from IPython.display import HTML, display

    link = HTML(f'<a href="{path}" target="_blank" rel="noopener">Open the project</a>')  # type: ignore[no-untyped-call]
    display(link)  # type: ignore[no-untyped-call]
