"""The JupyterLab panel's sources agree with the API and the package that they are shipped in."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from att.operations import ProjectId
from att.surfaces.openapi import openapi_document
from att.system.models import API_VERSION
from jupyter_ext import panel
from tests.support.labextension import ROOT, SOURCES, build_hook

TYPES = (SOURCES / "src" / "api" / "types.ts").read_text()
INTERFACES = {
    name: dict(re.findall(r"^  (\w+): (.+);$", body, re.MULTILINE))
    for name, body in re.findall(r"^export interface (\w+) \{\n(.*?)^\}", TYPES, re.MULTILINE | re.DOTALL)
}
ALIASES = dict(re.findall(r"^export type (\w+) =\s*(.+?);", TYPES, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = openapi_document("/api/v1")["components"]["schemas"]
    return found


def typescript(schema: dict[str, Any]) -> set[str]:
    """Return the members of the union that a JSON schema means."""
    if "anyOf" in schema:
        return set().union(*(typescript(member) for member in schema["anyOf"]))
    if "$ref" in schema:
        return {schema["$ref"].rpartition("/")[2]}
    if "enum" in schema or "const" in schema:
        return {f"'{value}'" for value in schema.get("enum", [schema.get("const")])}
    if schema["type"] == "array":
        return {f"{' | '.join(typescript(schema['items']))}[]"}
    plain = {"integer": "number", "object": "{ [name: string]: unknown }"}
    return {plain.get(schema["type"], schema["type"])}


def members(written: str) -> set[str]:
    """Return the members of a union in TypeScript, with the names of unions resolved."""
    found = {member.strip() for member in written.replace("\n", " ").split(" | ")} - {""}
    return set().union(*(members(ALIASES[m].lstrip(" |")) if m in ALIASES else {m.lstrip("| ")} for m in found))


@pytest.mark.parametrize("name", sorted(INTERFACES))
def test_every_interface_is_a_part_of_the_schema_of_its_name(schemas: dict[str, Any], name: str) -> None:
    properties = schemas[name]["properties"]
    for field, written in INTERFACES[name].items():
        told = typescript(properties[field])
        if name == "TestRun" and field == "status":  # shown as it is told when it is none of those known
            told = {"string", "null"} if all(value[0] == "'" or value == "null" for value in told) else told
        assert members(written) == told, f"{name}.{field}"


def test_the_panel_has_the_versions_of_the_package_and_of_the_api() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert json.loads((SOURCES / "package.json").read_text())["version"] == version
    written = dict(
        re.findall(r"^export const (\w+) = '(.+)';$", (SOURCES / "src/model/version.ts").read_text(), re.MULTILINE)
    )
    assert written == {"VERSION": version, "API_VERSION": API_VERSION}


def test_the_form_for_a_project_has_the_servers_rule_for_ids() -> None:
    form = (SOURCES / "src/plugin/form.tsx").read_text()
    (pattern,) = re.findall(r"^export const ID_PATTERN = '(.+)';$", form, re.MULTILINE)
    rule = TypeAdapter(ProjectId)
    for name in ("my_app", "a-1", "1a", "a" * 63, "", "_a", "-a", "A", "a b", "ä", "a.b", "a" * 64, "a\n"):
        try:
            allowed = bool(rule.validate_python(name))
        except ValidationError:
            allowed = False
        assert bool(re.fullmatch(pattern.replace("\\\\", "\\"), name)) is allowed, name


def test_the_panel_has_one_name() -> None:
    assert json.loads((SOURCES / "package.json").read_text())["name"] == panel.NAME == build_hook().NAME


def test_what_npm_installs_comes_from_npms_own_registry() -> None:
    packages = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    found = {name: package for name, package in packages.items() if name}
    assert len(found) > 100
    assert [n for n, p in found.items() if not p["resolved"].startswith("https://registry.npmjs.org/")] == []
    assert [n for n, p in found.items() if not p["integrity"].startswith("sha512-")] == []
