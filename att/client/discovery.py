"""Which ATT does this process speak to? Finds the server that started it, or opens an embedded workspace."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

from att.client.progress import say
from att.client.runtimefile import ServerFile, att_file, att_files, jupyter_file
from att.client.session import Session
from att.client.waiting import Address
from att.errors import ATTError, Invalid, NotSupported, Unauthenticated, Unavailable
from att.operations import REGISTRY
from att.system.models import API_VERSION, SystemHealth

if TYPE_CHECKING:
    from att.client.http import HttpTransport

__all__ = ["connect", "named_server", "open_workspace", "published_server"]

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True)
class Candidate:
    """A server that may be the one, and what its answer has to prove."""

    url: str
    token: str | None
    why: str
    pid: int | None = None
    instance_id: str | None = None
    sock: str | None = None
    certfile: str | None = None


def connect(
    url: str | None = None,
    token: str | None = None,
    *,
    embedded: bool | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Session:
    """Find the server or open a workspace; see `att.connect`."""
    if url is not None and (embedded or data_dir is not None):
        raise Invalid("Give either the url of a server, or embedded=True and data_dir for a workspace of this process.")
    session = _connected(url, token, embedded, data_dir)
    from att.client.display import register_formatters

    register_formatters()
    return session


def _connected(
    url: str | None, token: str | None, embedded: bool | None, data_dir: str | os.PathLike[str] | None
) -> Session:
    if url is not None:
        return named_server(url, token, "named")
    if embedded:
        return open_workspace(data_dir, "asked for")
    if data_dir is None and os.environ.get("ATT_URL"):
        return named_server(os.environ["ATT_URL"], token, "ATT_URL")
    if embedded is None and os.environ.get("ATT_EMBEDDED", "").lower() in _TRUE:
        return open_workspace(data_dir, "ATT_EMBEDDED")
    refusals: list[str] = []
    for candidate in _candidates(token):
        try:
            return _verified(candidate, data_dir)
        except ATTError as error:
            refusals.append(f"{candidate.why}: {error}")
    if embedded is False:
        reasons = " ".join(refusals) or "No Jupyter server has started this process, and none is named."
        raise Unavailable(f"There is no server to connect to. {reasons} Name one with att.connect(url, token).")
    if refusals:
        say(f"ATT: embedded workspace, not the Jupyter server. {' '.join(refusals)}")
    return open_workspace(data_dir, "the server refused" if refusals else "no Jupyter server started this process")


def open_workspace(data_dir: str | os.PathLike[str] | None, why: str) -> Session:
    """Open a workspace in this process."""
    from att.client.transports import InProcessTransport
    from att.workspace import Workspace

    return Session(InProcessTransport(Workspace(Path(data_dir) if data_dir else None, kind="embedded")), why)


def named_server(url: str, token: str | None, why: str, *, address: Address | None = None) -> Session:
    """Connect to a server that a person has named.

    The token is the one given, one in the URL, `ATT_TOKEN`, or the one that a server of this user publishes for
    this address. Raises Unavailable, Unauthenticated or NotSupported.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Invalid(f"{url!r} is not the address of a server; it looks like http://127.0.0.1:8888/.", url=url)
    in_url = parse_qs(parts.query).get("token", [None])[0]
    path = parts.path.removesuffix("/lab").removesuffix("/tree").rstrip("/") + "/"
    plain = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    known = next((file for file in att_files() if _place(file.url) == _place(plain)), None)
    chosen = token or in_url or os.environ.get("ATT_TOKEN") or (known.token if known else None)
    certfile = known.certfile if known else None
    return _verified(Candidate(plain, chosen, why, certfile=certfile or None), None, address=address)


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    """Return what tells one server of this machine from another, however its host is written."""
    parts = urlsplit(url)
    host = "localhost" if parts.hostname in _HERE else parts.hostname
    return parts.scheme, host, parts.port, parts.path.rstrip("/")


def published_server(data_dir: Path, *, address: Address | None = None) -> Session | None:
    """Connect to the server of this user that serves a data directory, or return None when none does."""
    for file in att_files():
        if file.data_dir is not None and Path(file.data_dir) == data_dir:
            try:
                return _verified(_from_file(file, None, "it serves the data directory"), data_dir, address=address)
            except ATTError as error:
                say(f"ATT: the server of {data_dir} is not used: {error}")
    return None


def _candidates(token: str | None) -> Iterator[Candidate]:
    parent = _parent_server()
    if parent is None:
        return
    own, jupyter = att_file(parent), jupyter_file(parent)
    if own is not None and own.alive:
        yield _from_file(own, token, "the server of this kernel")
    elif jupyter is not None and jupyter.alive:
        yield _from_file(jupyter, token, "the Jupyter server of this kernel")
    service_url, prefix = os.environ.get("JUPYTERHUB_SERVICE_URL"), os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if service_url and prefix:
        parts = urlsplit(service_url)
        url = f"{parts.scheme}://127.0.0.1:{parts.port or 8888}{prefix}"
        yield Candidate(url, token or os.environ.get("JUPYTERHUB_API_TOKEN"), "the JupyterHub server", parent)


def _from_file(file: ServerFile, token: str | None, why: str) -> Candidate:
    return Candidate(
        file.url,
        token or file.token or None,
        why,
        file.pid,
        file.instance_id,
        sock=file.sock or None,
        certfile=file.certfile or None,
    )


def _parent_server() -> int | None:
    """Return the pid of what started this kernel, or None in a process that only inherited a kernel's variables."""
    value = os.environ.get("JPY_PARENT_PID", "")
    if not value.isdigit():
        return None
    return int(value) if os.getppid() == int(value) or _is_kernel() else None


def _is_kernel() -> bool:
    app = sys.modules.get("ipykernel.kernelapp")
    return app is not None and bool(app.IPKernelApp.initialized())


def _verified(
    candidate: Candidate,
    data_dir: str | os.PathLike[str] | None,
    *,
    address: Address | None = None,
) -> Session:
    from att.client.http import HttpTransport

    transport = HttpTransport(candidate.url, candidate.token, sock=candidate.sock, certfile=candidate.certfile)
    try:
        _check(transport, candidate, data_dir)
    except BaseException:
        transport.close()
        raise
    return Session(transport, candidate.why, address=address)


def _check(transport: HttpTransport, candidate: Candidate, data_dir: str | os.PathLike[str] | None) -> None:
    health = _asked(transport, candidate)
    if health.api_version.partition(".")[0] != API_VERSION.partition(".")[0]:
        raise NotSupported(
            f"{transport.where} speaks API {health.api_version}, this kernel {API_VERSION}. Install the server's "
            f"version in the kernel's environment: pip install 'jupyter-att=={health.version}'",
            server=health.version,
        )
    expected = [(candidate.pid, health.pid), (candidate.instance_id, health.instance_id)]
    if any(wanted is not None and wanted != found for wanted, found in expected):
        raise Unavailable(f"{transport.where} is answered by another server (pid {health.pid}).")
    if data_dir is not None and Path(data_dir).expanduser().absolute() != Path(health.data_dir):
        raise Unavailable(f"{transport.where} works in {health.data_dir}, not in {data_dir}.")


def _asked(transport: HttpTransport, candidate: Candidate) -> SystemHealth:
    try:
        health: SystemHealth = transport.call(REGISTRY["system.health"], {})
    except Unavailable as error:
        if error.details.get("http_status") == 404 and candidate.pid is not None:
            raise Unavailable(
                "ATT is installed in this kernel but not loaded in its Jupyter server: install jupyter-att where "
                "JupyterLab runs and restart the Jupyter server to get the panel."
            ) from error
        raise
    except Unauthenticated as error:
        if candidate.token is None and candidate.pid is not None:
            raise Unauthenticated(
                f"{transport.where} asks for a login and publishes no token for its kernels: restart it with "
                "jupyter-att installed where JupyterLab runs."
            ) from error
        raise
    return health
