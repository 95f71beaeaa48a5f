"""ATT, the control room for a Python project inside Jupyter: run it, see health and logs, test it, keep every result.

This is the public door. Importing it loads nothing heavy: every name below is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from att.client.following import Following
    from att.client.live import LiveSetup
    from att.client.project import ProjectHandle
    from att.client.session import Session
    from att.client.tests import LiveTestRun
    from att.errors import (
        ATTError,
        Busy,
        Conflict,
        Internal,
        Invalid,
        NotFound,
        NotSupported,
        PermissionDenied,
        SetupFailed,
        StartFailed,
        TestsFailed,
        TimedOut,
        TooLarge,
        Unauthenticated,
        Unavailable,
    )
    from att.notebook import SessionDashboard
    from att.testing.history.history import History

    __version__: str

__all__ = [
    "ATTError",
    "Busy",
    "Conflict",
    "Following",
    "History",
    "Internal",
    "Invalid",
    "LiveSetup",
    "LiveTestRun",
    "NotFound",
    "NotSupported",
    "PermissionDenied",
    "ProjectHandle",
    "Session",
    "SetupFailed",
    "StartFailed",
    "TestsFailed",
    "TimedOut",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "__version__",
    "connect",
    "dashboard",
]

_HOMES = {
    "Following": "att.client.following",
    "History": "att.testing.history.history",
    "LiveSetup": "att.client.live",
    "LiveTestRun": "att.client.tests",
    "ProjectHandle": "att.client.project",
    "Session": "att.client.session",
}


def connect(
    url: str | None = None,
    token: str | None = None,
    *,
    embedded: bool | None = None,
    data_dir: str | PathLike[str] | None = None,
) -> Session:
    """Connect to ATT in the Jupyter server that started this kernel, or open an embedded workspace.

    Looks, in this order, at the arguments, `ATT_URL` and `ATT_TOKEN`, `ATT_EMBEDDED=1`, the file that ATT's server
    extension writes for its kernels, the Jupyter server's own file, and JupyterHub's variables. A server that did not
    start this process is used only when it is named. `embedded=True` opens a workspace in this process, in `data_dir`
    or the default data directory; `embedded=False` insists on a server. Both give the same interface, and the
    session's repr says which it is and why.

    Raises Unavailable when a server that was named, or insisted on, does not answer, Unauthenticated when it refuses
    the token, and NotSupported when its API has another major version.
    """
    from att.client.discovery import connect as find_and_connect

    return find_and_connect(url, token, embedded=embedded, data_dir=data_dir)


def dashboard(session: Session | None = None, *, project: str = "") -> SessionDashboard:
    """Return the cockpit for a notebook: a menu of all projects, a form for new ones, and the dashboard of one.

    `session` is what `connect` returns, a new one by default; `project` is chosen first. Raises what `connect` raises.
    """
    from att.client.cockpit import cockpit

    made: SessionDashboard = cockpit("SessionDashboard")(session or connect(), project=project)
    return made


def load_ipython_extension(shell: Any) -> None:
    """Register the line magic: `%load_ext att`, then `%att status`."""
    import_module("att.notebook.magic").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Remove the line magic."""
    import_module("att.notebook.magic").unload(shell)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jupyter-att")
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "att.errors")), name)
    raise AttributeError(f"module 'att' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
