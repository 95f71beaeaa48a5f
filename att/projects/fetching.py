"""Fetch a file over http(s) with a size limit, a hash, and no patience for servers that stop talking.

Used by the setup runner in a bare interpreter: standard library and `att.errors` only.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from att.errors import ATTError, Invalid, PermissionDenied, TooLarge, Unavailable

__all__ = ["fetch"]

SILENCE_SECONDS = 30.0
TOTAL_SECONDS = 3600.0
_BLOCK = 256 * 1024


def fetch(
    url: str,
    target: Path,
    limit_bytes: int,
    *,
    login: str | None = None,
    sha256: str | None = None,
    silence_seconds: float = SILENCE_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
    progress: Callable[[float], None] = lambda _share: None,
) -> int:
    """Write what a URL answers to a file and return its size.

    `progress` is told the share that is done, when the server says how much there is. Messages name the host alone.
    Raises TooLarge over `limit_bytes`, Invalid when the hash is another, Unavailable when the server refuses, is
    silent for `silence_seconds`, takes more than `total_seconds`, or ends too early.
    """
    host = urlsplit(url).hostname
    request = urllib.request.Request(url, headers={"User-Agent": "jupyter-att", "Accept": "*/*"})  # noqa: S310
    if login is not None:  # unredirected: another host never sees it
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(request, timeout=silence_seconds) as response:
            transfer = _Transfer(response, limit_bytes, time.monotonic() + total_seconds, progress)
            with target.open("wb") as file:
                transfer.into(file)
    except ATTError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise Unavailable(f"{host} answered {error.code} {error.reason}; check the address.") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{host} could not be read: {_cause(error, silence_seconds)}.") from None
    if sha256 is not None and transfer.sha256 != sha256:
        raise Invalid(
            f"The archive is not the expected one: its SHA-256 is {transfer.sha256}, not {sha256}.",
            sha256=transfer.sha256,
        )
    return transfer.size


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only, and never from https to http."""

    max_redirections = 5

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise PermissionDenied(f"The server redirects from {req.type} to {scheme or 'nowhere'}; not followed.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Transfer:
    """Copies a response while it watches size, time and hash."""

    def __init__(self, response: Any, limit_bytes: int, deadline: float, progress: Callable[[float], None]) -> None:
        self._response = response
        self._limit = limit_bytes
        self._deadline = deadline
        self._progress = progress
        self._hash = hashlib.sha256()
        told = response.headers.get("Content-Length")
        self._expected = int(told) if told is not None and told.isdigit() else None
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def into(self, file: IO[bytes]) -> None:
        self._check(self._expected or 0)
        while block := self._response.read1(_BLOCK):
            self.size += len(block)
            self._check(self.size)
            self._hash.update(block)
            file.write(block)
            if self._expected:
                self._progress(min(1.0, self.size / self._expected))
        if self._expected is not None and self.size < self._expected:
            raise Unavailable(f"The server ended after {self.size} of {self._expected} bytes; try again.")
        os.fsync(file.fileno())

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(
                f"The archive is larger than {self._limit} bytes; raise download_limit_bytes if it is meant to be.",
                limit_bytes=self._limit,
            )
        if time.monotonic() > self._deadline:
            raise Unavailable("The server is too slow; try again, or fetch the archive by other means.")


def _cause(error: Exception, silence_seconds: float) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        return f"it was silent for {silence_seconds:g} s"
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
