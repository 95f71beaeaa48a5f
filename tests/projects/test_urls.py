from __future__ import annotations

import pytest

from att.errors import Invalid
from att.projects.urls import Source, archive_source, git_source


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a/b.git",
        "http://127.0.0.1:8080/b",
        "ssh://git@example.org:22/a/b.git",
        "git://example.org/a.git",
        "file:///srv/a.git",
        "git@example.org:a/b.git",
        "https://[::1]:8080/a.git",
    ],
)
def test_addresses_that_git_may_clone_stay_as_they_are(url: str) -> None:
    assert git_source(url) == Source(url, url)


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "ext::sh -c touch% /tmp/x",
        "fd::17/foo",
        "ssh://-oProxyCommand=touch/x",
        "ssh://git:secret@example.org/a",
        "git@-oProxyCommand=x:path",
        "git@example.org:-path",
        "ftp://example.org/a.git",
        "javascript:alert(1)",
        "file://example.org/srv/a.git",
        "https:///path",
        "https://exa mple.org/",
        "https://example.org:99999/a",
        "https://example.org/a\nb",
        "no-address-at-all",
    ],
)
def test_other_addresses_are_refused_for_git(url: str) -> None:
    with pytest.raises(Invalid) as told:
        git_source(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a.zip", "git@example.org:a.zip", "/srv/a.zip"]
)
def test_archives_come_over_http_only(url: str) -> None:
    with pytest.raises(Invalid):
        archive_source(url)


def test_an_absolute_path_is_a_file_address() -> None:
    assert git_source("/srv/a b.git".replace(" ", "_")).fetched == "file:///srv/a_b.git"


def test_a_login_is_taken_out_of_the_address() -> None:
    source = git_source("https://me:p%40ss@example.org/a.git")
    assert source == Source("https://example.org/a.git", "https://example.org/a.git", "me:p@ss")
    assert source.secret


def test_secrets_in_the_query_are_not_shown() -> None:
    source = archive_source("https://example.org/a.zip?ref=main&token=abc&X-Amz-Signature=f00")
    assert source.shown == "https://example.org/a.zip?ref=main&token=***&X-Amz-Signature=***"
    assert source.fetched.endswith("token=abc&X-Amz-Signature=f00")
