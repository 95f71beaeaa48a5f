"""The argument list and the environment of a test run: pytest in the project's own Python, with the plugin."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from att.errors import Invalid, NotFound
from att.testing.models import TestRequest

__all__ = [
    "PLUGIN_DIR",
    "STREAM_VARIABLE",
    "SUITES",
    "pytest_command",
    "pytest_environment",
    "pytest_options",
    "pytest_targets",
    "suite_targets",
]

PLUGIN_DIR = Path(__file__).parent / "plugin"
STREAM_VARIABLE = "ATT_TEST_STREAM"
SUITES = ("unit", "integration", "e2e", "property")

_REFUSED = {
    "--pdb": "waits for a keyboard that is not there",
    "--trace": "waits for a keyboard that is not there",
    "--looponfail": "never ends",
    "-f": "never ends",
    "--pastebin": "publishes the results",
    "--co": "runs no test. Leave it out, and choose with suite, targets, markers and keyword",
    "--collect-only": "runs no test. Leave it out, and choose with suite, targets, markers and keyword",
    "--setup-only": "runs no test. Leave it out, or use --setup-show, which runs them too",
    "--setup-plan": "runs no test. Leave it out, or use --setup-show, which runs them too",
    "-p no:terminal": "hides what pytest says. Use -q for a shorter log",
}
_PATH_OPTIONS = ("-c", "--config-file", "--rootdir", "--confcutdir", "--basetemp", "--inifile")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ATT_VARIABLE = re.compile(r"ATT_|JPY_|JUPYTERHUB_|JUPYTER.*TOKEN")
_OUTER_PYTEST = re.compile(r"PYTEST_(XDIST_.*|CURRENT_TEST|VERSION)")


def pytest_command(python: Path | str, root: Path, request: TestRequest) -> list[str]:
    """Return the argument list that runs what is asked for, with `root` as the working directory.

    Raises Invalid for an argument that leaves the project, hides the run from ATT or would never end, and NotFound
    for a target that is not there.
    """
    return pytest_options(python, root, request) + pytest_targets(root, request)


def pytest_options(python: Path | str, root: Path, request: TestRequest) -> list[str]:
    """Return the part of the argument list before the targets. Raises Invalid."""
    command = [str(python), "-m", "pytest", "-p", "att_stream"]
    if request.markers is not None:
        command += ["-m", _text("markers", request.markers)]
    if request.keyword is not None:
        command += ["-k", _text("keyword", request.keyword)]
    return command + _checked_arguments(root, request.extra_args)


def pytest_targets(root: Path, request: TestRequest) -> list[str]:
    """Return the targets; none leaves the choice to pytest's configuration. Raises Invalid and NotFound."""
    if request.targets:
        return [_target(root, target) for target in request.targets]
    return suite_targets(root, request.suite or "all")


def suite_targets(root: Path, suite: str) -> list[str]:
    """Return the paths of a suite; `all` without a `tests` folder leaves the choice to pytest's configuration."""
    if suite == "all":
        return ["tests"] if (root / "tests").is_dir() else []
    if suite not in SUITES:
        return [_target(root, suite)]
    if (root / "tests" / suite).is_dir():
        return [f"tests/{suite}"]
    present = [name for name in SUITES if (root / "tests" / name).is_dir()]
    hint = f"it has {', '.join(present)}" if present else "use suite='all' or name a path"
    raise NotFound(f"The project has no folder tests/{suite}; {hint}.", suite=suite, known=present)


def pytest_environment(base: Mapping[str, str], stream: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the child's environment: `base` without what belongs to ATT, Jupyter or an outer pytest, and `extra`.

    The plugin takes its own two traces away again, so that the tests see the project's environment.
    """
    for name in extra:
        if not _VARIABLE_NAME.fullmatch(name) or _ATT_VARIABLE.match(name) or "\0" in extra[name]:
            raise Invalid(f"The environment variable {name!r} cannot be set for a test run; choose another.", name=name)
    environment = {
        name: value
        for name, value in base.items()
        if not _ATT_VARIABLE.match(name) and not _OUTER_PYTEST.fullmatch(name)
    }
    environment.update(extra)
    python_path = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{python_path}{os.pathsep}{PLUGIN_DIR}" if python_path else str(PLUGIN_DIR)
    environment[STREAM_VARIABLE] = str(stream.absolute())
    return environment


def _text(name: str, value: str) -> str:
    if not value.strip() or "\0" in value:
        raise Invalid(f"{name} is empty or not text; leave it out or write an expression for pytest.", field=name)
    return value


def _target(root: Path, target: str) -> str:
    path = _text("target", target).partition("::")[0] or "."
    if target.startswith(("-", "@")):
        raise Invalid(f"{target!r} is not a path or nodeid; options belong into extra_args.", target=target)
    if not _inside(root, path):
        raise Invalid(f"{target!r} lies outside the project.", target=target)
    if not (root / path).exists():
        raise NotFound(f"There is no file {path!r} in the project.", target=target)
    return target


def _inside(root: Path, path: str) -> bool:
    return (root / path).resolve().is_relative_to(root.resolve())


def _checked_arguments(root: Path, arguments: list[str]) -> list[str]:
    for index, argument in enumerate(arguments):
        _text("extra_args", argument)
        option, _, value = argument.partition("=")
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if argument in ("-p", "-pno:terminal"):
            option = f"-p {following if argument == '-p' else 'no:terminal'}"
        if reason := _REFUSED.get(option):
            raise Invalid(f"{option} cannot be used in a test run: it {reason}.", argument=argument)
        if "att_stream" in argument:
            raise Invalid("extra_args may not name att_stream: it is how ATT sees the tests.", argument=argument)
        if argument.startswith("@"):
            raise Invalid("Arguments cannot be read from a file; write them out.", argument=argument)
        if option in _PATH_OPTIONS and not _inside(root, value or following):
            raise Invalid(f"{option} must point into the project.", argument=argument)
        if not argument.startswith("-") and not _inside(root, argument) and (root / argument).exists():
            raise Invalid(f"{argument!r} lies outside the project.", argument=argument)
    return list(arguments)
