"""Prompts that start an agent on a task with the facts at hand: a crash, a failing test, a change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from pydantic_core import to_json

from att.errors import Invalid, NotFound

__all__ = ["PROMPTS", "Facts", "Prompt", "render"]

Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
Name = Callable[[str], str]
MOST_FAILURES = 20
MOST_FILES = 200


@dataclass(frozen=True)
class Facts:
    """What a prompt is made from: `ask` runs an operation by name, `tool` says how its tool is called here."""

    ask: Ask
    tool: Name


@dataclass(frozen=True)
class Prompt:
    """One prompt. `begin` returns the request, and the JSON values that belong to it by title."""

    name: str
    title: str
    description: str
    arguments: Mapping[str, str]
    optional: frozenset[str]
    begin: Callable[[Facts, Mapping[str, str]], Awaitable[tuple[str, dict[str, Any]]]]

    def described(self) -> types.Prompt:
        """Return it as it is listed."""
        return types.Prompt(
            name=self.name,
            title=self.title,
            description=self.description,
            arguments=[
                types.PromptArgument(name=name, description=text, required=name not in self.optional)
                for name, text in self.arguments.items()
            ],
        )


async def _diagnose_crash(facts: Facts, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    project, tool = given["project"], facts.tool
    run = {"run": given["run"]} if given.get("run") else {}
    found = await facts.ask("runtime.diagnostics", {"project": project, **run})
    text = (
        f"The process of project {project!r} ended or is not well. Find out why.\n"
        f"1. Read the exit record, the diagnosis and the last lines below; they are facts.\n"
        f"2. Read more of the log with {tool('runtime.logs')} if they do not say it all, and the code that the "
        f"traceback names with {tool('code.read')}.\n"
        f"3. Name the cause, quote the line that proves it, and say what you are not sure of.\n"
        f"4. Propose the smallest correction. Do not write files or restart it before the user agrees; then use "
        f"{tool('code.write')} and {tool('runtime.restart')}, and check with {tool('runtime.health')}."
    )
    return text, {"Diagnostics": found.to_json()}


async def _explain_failing_test(facts: Facts, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    project, tool, nodeid = given["project"], facts.tool, given.get("nodeid")
    asked = {"project": project, "outcomes": ["failed", "error"], "limit": 1000 if nodeid else MOST_FAILURES}
    if given.get("run"):
        asked["run"] = given["run"]
    found = [test.to_json() for test in (await facts.ask("test.results", asked)).outcomes]
    if nodeid:
        found = [test for test in found if test["nodeid"] == nodeid]
        if not found:
            raise NotFound(f"{nodeid!r} did not fail in that run of {project!r}.", nodeid=nodeid)
    subject = f"the test {nodeid!r}" if nodeid else "the failed tests"
    text = (
        f"Explain why {subject} of project {project!r} failed.\n"
        f"1. Start from the results below. Tests that fail with one message have one cause: group them.\n"
        f"2. Read the test and the code that it reaches with {tool('code.read')}; see what changed with "
        f"{tool('code.diff')}.\n"
        f"3. Say whether the test or the code is wrong, and what shows it. To be sure, run just that with "
        f"{tool('test.run')} (targets=[nodeid]) and read {tool('test.status')} until it has ended.\n"
        f"4. Propose a correction; do not weaken a test to make it pass."
    )
    return text, {"Failed tests": found}


async def _plan_change(facts: Facts, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    project, tool = given["project"], facts.tool
    status = await facts.ask("project.status", {"project": project})
    files = await facts.ask("code.list", {"project": project, "limit": MOST_FILES})
    text = (
        f"Plan this change of project {project!r}: {given['goal']}\n"
        f"1. Find the places with {tool('code.search')} and {tool('code.read')}; the files are below.\n"
        f"2. Write the plan: what changes in which file, which test shows that it works, what could break.\n"
        f"3. Stop there and let the user decide.\n"
        f"4. When told to go on: write the test first, then the code with {tool('code.write')} (give expected_hash), "
        f"run {tool('test.run')}, and read {tool('test.status')} until the run has ended."
    )
    listed = {"files": [file.path for file in files.files], "all": not files.has_more}
    return text, {"Project": status.to_json(), "Files": listed}


_PROJECT = "Id of the project."
_RUN = "Id of a past run; default the latest."
PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "diagnose_crash",
            "Diagnose a crash",
            "Find out why a project's process ended or is unhealthy, from its exit record, diagnosis and last lines.",
            {"project": _PROJECT, "run": _RUN},
            frozenset({"run"}),
            _diagnose_crash,
        ),
        Prompt(
            "explain_failing_test",
            "Explain a failing test",
            "Explain why tests of a project failed, from the results of a run.",
            {"project": _PROJECT, "nodeid": "Only this test; default all that failed.", "run": _RUN},
            frozenset({"nodeid", "run"}),
            _explain_failing_test,
        ),
        Prompt(
            "plan_change",
            "Plan a change",
            "Plan a change of a project before any file is written.",
            {"project": _PROJECT, "goal": "What should be different, in a sentence or two."},
            frozenset(),
            _plan_change,
        ),
    )
}


async def render(name: str, facts: Facts, given: Mapping[str, str]) -> types.GetPromptResult:
    """Return a prompt with its facts. Raises NotFound, Invalid, and what the operations raise."""
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise NotFound.named("prompt", name, PROMPTS)
    missing = [n for n in prompt.arguments if n not in prompt.optional and not given.get(n)]
    if missing:
        raise Invalid(f"The prompt {name} needs {' and '.join(missing)}.", missing=missing)
    text, values = await prompt.begin(facts, given)
    parts = [f"{text}\n", *(f"{title}:\n{to_json(value, indent=1).decode()}" for title, value in values.items())]
    message = types.PromptMessage(role="user", content=types.TextContent(text="\n".join(parts)))
    return types.GetPromptResult(description=prompt.description, messages=[message])
