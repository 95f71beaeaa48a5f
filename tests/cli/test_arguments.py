"""Command lines become arguments of operations."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from att.cli.arguments import given_arguments
from att.cli.parser import build_parser, offered
from att.cli.running import _parse
from att.errors import Invalid
from att.operations import Operation


def _given(*words: str) -> dict[str, Any]:
    parsed, rest = _parse(list(words))
    return given_arguments(parsed.operation, parsed, rest)


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("runtime status demo", {"project": "demo"}),
        ("runtime status demo --resources", {"project": "demo", "resources": True}),
        ("runtime start demo --wait healthy --timeout 5", {"project": "demo", "wait": "healthy", "timeout": "5"}),
        ("project create demo --no-wait", {"id": "demo", "wait": False}),
        ("project cancel-setup demo", {"project": "demo"}),
        ("code read demo a/b.py", {"project": "demo", "path": "a/b.py"}),
        ("event list --kinds runtime --kinds project", {"kinds": ["runtime", "project"]}),
        ('event list --kinds ["a","b"]', {"kinds": ["a", "b"]}),
        ("project update demo --env A=1 --env B=x=y", {"project": "demo", "env": {"A": "1", "B": "x=y"}}),
        ('project update demo --env {"A":"1"}', {"project": "demo", "env": {"A": "1"}}),
        ('project update demo --probes [{"kind":"tcp"}]', {"project": "demo", "probes": [{"kind": "tcp"}]}),
        ("project update demo --clear port --clear title", {"project": "demo", "port": None, "title": None}),
        ("project update demo --grace-seconds 3", {"project": "demo", "grace_seconds": "3"}),
        ("project create demo -- app --x -- y", {"id": "demo", "command": ["app", "--x", "--", "y"]}),
        ("code search demo -- --flag", {"project": "demo", "query": "--flag"}),
    ],
)
def test_words_become_arguments(words: str, given: dict[str, Any]) -> None:
    assert _given(*words.split()) == given


def test_nested_values_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "probes.json"
    file.write_text(json.dumps([{"kind": "tcp"}]))
    assert _given("project", "update", "demo", "--probes", f"@{file}")["probes"] == [{"kind": "tcp"}]


def test_content_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe\n"))
    assert _given("code", "write", "demo", "a.txt", "-")["content"] == "from a pipe\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--env", "A"], "NAME=VALUE"),
        (["--probes", "[{"], "not JSON"),
        (["--probes", "@/no/such/file"], "cannot read /no/such/file"),
    ],
)
def test_what_cannot_be_read_is_invalid(words: list[str], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        _given("project", "update", "demo", *words)


@pytest.mark.parametrize("operation", list(offered()), ids=lambda operation: operation.name)
def test_every_operation_has_a_command_with_every_argument_and_its_help(
    operation: Operation, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([*operation.cli.split(), "--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert operation.summary.split()[0] in told
    for parameter in operation.parameters.values():
        assert f"--{parameter.name.replace('_', '-')}" in told or parameter.name.upper() in told
    assert ("--follow" in told) is operation.followable


def test_common_options_stand_before_or_after_the_verb() -> None:
    before, _ = _parse(["--json", "--data-dir", "d", "project", "list"])
    after, _ = _parse(["project", "list", "--json", "--data-dir", "d"])
    assert (before.json, before.att_data_dir) == (after.json, after.att_data_dir) == (True, "d")
