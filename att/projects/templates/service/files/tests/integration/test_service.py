"""The running service answers."""

import json
import urllib.error

import pytest


def test_the_service_is_healthy(get):
    assert json.loads(get("/health"))["healthy"] is True


def test_the_service_greets(get):
    assert json.loads(get("/hello/Ada")) == {"message": "Hello, Ada!"}


def test_an_unknown_path_is_not_found(get):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get("/nowhere")
