"""Addresses that projects are fetched from: which are allowed, and how they may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from att.errors import Invalid
from att.projects.masking import looks_secret

__all__ = ["Source", "archive_source", "git_source"]

_GIT_SCHEMES = ("https", "http", "ssh", "git", "file")
_ARCHIVE_SCHEMES = ("https", "http")
_SCP = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!//)[^\s:-][^\s]*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?")
_SIGNED = re.compile(r"sig|sv|se|st|code|x-amz-.*|x-goog-.*", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """An address: `shown` is without secrets, `fetched` is what is asked for; `login` is `user:password` or None."""

    shown: str
    fetched: str
    login: str | None = None

    @property
    def secret(self) -> bool:
        """Whether something of it must not be shown."""
        return self.login is not None or self.shown != self.fetched


def git_source(url: str) -> Source:
    """Check the address of a repository: https, http, ssh, git or file, `user@host:path`, or an absolute path.

    Raises Invalid; a login in an http address is taken out of it.
    """
    _check_text(url)
    if url.startswith("/"):
        return Source(f"file://{quote(url)}", f"file://{quote(url)}")
    if _SCP.fullmatch(url):
        return Source(url, url)
    return _source(url, _GIT_SCHEMES)


def archive_source(url: str) -> Source:
    """Check the address of an archive: https or http. Raises Invalid."""
    _check_text(url)
    return _source(url, _ARCHIVE_SCHEMES)


def _check_text(url: str) -> None:
    if url.startswith("-") or re.search(r"[\s\x00-\x1f\x7f]", url) or "::" in url.partition("/")[0]:
        raise Invalid("This is not an address: it begins like an option, names a helper, or holds blanks.")


def _source(url: str, schemes: tuple[str, ...]) -> Source:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Invalid(f"This is not an address: {error}.") from None
    scheme = parts.scheme.lower()
    if scheme not in schemes:
        raise Invalid(f"The address must begin with {', '.join(f'{s}://' for s in schemes)}; this one does not.")
    host = parts.hostname or ""
    if scheme == "file":
        if not parts.path.startswith("/") or host not in ("", "localhost"):
            raise Invalid("A file address has three slashes and an absolute path: file:///srv/repository.git")
        return Source(url, url)
    if not _HOST.fullmatch(host):
        raise Invalid("The address names no host, or one that cannot be: https://HOST/PATH")
    if scheme not in ("https", "http"):
        if parts.password is not None or (parts.username or "").startswith("-"):
            raise Invalid(f"A {scheme} address takes no password; use a key, or https.")
        return Source(url, url)
    return _web_source(parts)


def _web_source(parts: SplitResult) -> Source:
    place, _, address = parts.netloc.rpartition("@")
    bare = parts._replace(netloc=address, fragment="")
    login = None
    if place:
        user, _, password = place.partition(":")
        login = f"{unquote(user)}:{unquote(password)}"
    shown = bare._replace(query=_shown_query(parts.query))
    return Source(urlunsplit(shown), urlunsplit(bare), login)


def _shown_query(query: str) -> str:
    pairs = []
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        hidden = value and (looks_secret(name) or _SIGNED.fullmatch(name))
        pairs.append(f"{name}{equals}{'***' if hidden else value}")
    return "&".join(pairs)
