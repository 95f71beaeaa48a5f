"""Explains why a NeMo Agent Toolkit app did not start, from everything it wrote to stderr."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from att.runtime.models import Diagnosis

__all__ = ["SERVING_PACKAGES", "diagnose"]

SERVING_PACKAGES = ("nvidia-nat-core", "sqlalchemy", "greenlet", "langchain-core")
"""The smallest set that `nat serve` starts with; measured on 1.9.0, whose own requirements leave three of them out."""

_COMPONENT_PACKAGES = {
    "react_agent": "nvidia-nat-langchain",
    "tool_calling_agent": "nvidia-nat-langchain",
    "rewoo_agent": "nvidia-nat-langchain",
    "reasoning_agent": "nvidia-nat-langchain",
    "router_agent": "nvidia-nat-langchain",
    "mcp_client": "nvidia-nat-mcp",
    "mcp_tool_wrapper": "nvidia-nat-mcp",
}


@dataclass(frozen=True)
class Rule:
    """A pattern in one line of stderr, and what it means. Texts are formatted with its groups and `python`."""

    pattern: re.Pattern[str]
    summary: str
    remedy: str


def _rule(pattern: str, summary: str, remedy: str) -> Rule:
    return Rule(re.compile(pattern), summary, remedy)


def _unregistered(tag: str) -> Rule:
    """Return the rule of a component that matches `tag`, a regular expression, and that NAT does not know."""
    return _rule(
        rf"Input tag '(?P<tag>{tag})' found using discriminator\(\) does not match any of the expected tags",
        "The configuration names a component {tag!r} that is not registered.",
        "{install}",
    )


# The first rule that matches any line wins. The order is from cause to consequence: NAT's last line is often an
# AttributeError about `_dask_client`, which says nothing about why the app did not start.
_RULES = (
    _rule(
        r"No module named '(?P<module>nat)(?:\.[\w.]+)?'",
        "The project's Python has no NeMo Agent Toolkit.",
        f"{{python}} -m pip install {' '.join(SERVING_PACKAGES)}",
    ),
    _rule(
        r"No module named '(?P<module>sqlalchemy|langchain_core)'|(?P<green>greenlet library is required)",
        "NeMo Agent Toolkit cannot serve without packages that it does not install itself.",
        f"{{python}} -m pip install {' '.join(SERVING_PACKAGES[1:])}",
    ),
    # Before missing modules: another plugin that cannot be imported is only a warning, and has nothing to do with it.
    _unregistered("|".join(_COMPONENT_PACKAGES)),
    _rule(
        r"No module named '(?P<module>[\w.]+)'",
        "The Python module {module!r} is not installed in the project's environment.",
        "{python} -m pip install {module} (or the package that provides it)",
    ),
    _rule(
        r"\[Errno 98\].*\('(?P<host>[^']+)', (?P<port>\d+)\)",
        "Port {port} is used by another process.",
        "Leave the project's port free to choose (p.update(port=None)), or stop the other process.",
    ),
    _unregistered("[^']+"),
    _rule(
        r"Error loading YAML",
        "The workflow configuration is not valid YAML.",
        "Correct the file at the line that the last lines name.",
    ),
    _rule(
        r"ValueError: Invalid configuration: (?P<what>.+)",
        "The workflow configuration is not valid: {what}",
        "Correct the named field; {python} -m nat.cli.main validate --config_file FILE checks it.",
    ),
    _rule(
        r"(?P<kind>LLM|Function|Function group|Embedder|Retriever|Memory|Object store) `(?P<name>[^`]+)` not found",
        "The configuration refers to {kind} {name!r}, which it does not define.",
        "Define {name!r} in its section of the configuration, or correct the reference.",
    ),
    _rule(
        r"\b401\b.*(?:Unauthorized|Client Error)|(?i:invalid.api.key)",
        "A service refused the app's credentials (401).",
        "Set the API key in the project's environment: p.update(env={{'NVIDIA_API_KEY': ...}}), then restart.",
    ),
    _rule(
        r"(?:Failed to connect to MCP server|Error connecting to MCP server|MCP.*(?:Connection refused|ConnectError))",
        "An MCP server that the workflow needs did not answer at the start.",
        "Start that server first, or correct its address in the configuration.",
    ),
    # A plugin that fails to import is only a warning to NAT, so any error above explains more.
    _rule(
        r"Failed to import plugin '?(?P<plugin>[\w.]+)'?",
        "The component package {plugin!r} could not be imported.",
        "Look at the traceback in the log; {python} -m pip install -e . in the project's folder registers it.",
    ),
)


def diagnose(stderr: Sequence[str], python: str) -> Diagnosis | None:
    """Return the cause with its remedy, or None when no known cause is in the lines."""
    for rule in _RULES:
        for line in stderr:
            found = rule.pattern.search(line)
            if found is not None:
                return _explain(rule, found, line, python)
    return None


def _explain(rule: Rule, found: re.Match[str], line: str, python: str) -> Diagnosis:
    values = {"python": python, **{k: v for k, v in found.groupdict().items() if v is not None}}
    values["install"] = _install(values.get("tag", ""), python)
    return Diagnosis(
        summary=rule.summary.format(**values), remedy=rule.remedy.format(**values), evidence=[line.strip()[:500]]
    )


def _install(tag: str, python: str) -> str:
    package = _COMPONENT_PACKAGES.get(tag)
    if package is not None:
        return f"{python} -m pip install {package}"
    return (
        "Correct `_type`; a component of this project is found once the project is installed: "
        f"{python} -m pip install --no-deps -e . in its folder."
    )
