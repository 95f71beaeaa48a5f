"""The parser of `att`: groups and verbs from the registry, the options that every command takes, and the help."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from att.cli.arguments import add_arguments
from att.cli.serving import WORDS, add_serving
from att.domains import DOMAINS
from att.errors import error_classes
from att.operations import REGISTRY, Operation

__all__ = ["build_parser", "offered", "overview"]

_EXAMPLES = """\
  att project create demo --template service --path demo   make a project
  att project create api --path . -- python app.py         register one that is there
  att runtime start demo --wait healthy                    run it, and wait until it answers
  att runtime logs demo --follow                           read what it writes
  att project list                                         see all"""

_WHERE = """\
A command speaks to the Jupyter server that serves the data directory, when one runs; else it works in the data
directory itself, and what it has started goes on without it."""


def offered() -> Iterator[Operation]:
    """Yield every operation that the command line offers, domain by domain."""
    for domain in DOMAINS:
        yield from (o for o in REGISTRY.values() if o.owner is domain and "cli" not in o.absent)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every operation below its group."""
    parser = argparse.ArgumentParser(
        prog="att",
        usage="att [options] GROUP VERB ...",
        description="Run a Python project, see its health and logs, test it, keep every result.",
        epilog=f"examples:\n{_EXAMPLES}\n\n{_WHERE}\n\n{_exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common()],
    )
    parser.add_argument("--version", action="store_true", help="Say the version.")
    parser.set_defaults(parser=parser)
    groups: dict[str, Any] = {"": parser.add_subparsers(title="groups", metavar="GROUP", prog="att")}
    for operation in offered():
        _add(groups, operation)
    add_serving(_group(groups, WORDS.split()[:-1], "Serve agents over MCP."), _common())
    return parser


def _group(groups: dict[str, Any], words: Sequence[str], told: str) -> Any:
    """Return the group of these words, made if it is not there yet."""
    for depth in range(1, len(words) + 1):
        path = " ".join(words[:depth])
        if path not in groups:
            group = groups[" ".join(words[: depth - 1])].add_parser(words[depth - 1], help=told, description=told)
            group.set_defaults(parser=group)
            groups[path] = group.add_subparsers(title="verbs", metavar="VERB", prog=f"att {path}")
    return groups[" ".join(words)]


def _add(groups: dict[str, Any], operation: Operation) -> None:
    words = operation.cli.split()
    _group(groups, words[:-1], (operation.owner.__doc__ or "").partition("\n")[0])
    leaf = groups[" ".join(words[:-1])].add_parser(
        words[-1],
        help=operation.summary.replace("%", "%%"),
        description=operation.doc.replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common()],
    )
    add_arguments(leaf, operation)
    if operation.followable:
        leaf.add_argument("--follow", action="store_true", help="Go on with what comes, until interrupted.")
    leaf.set_defaults(operation=operation, parser=leaf)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    options = common.add_argument_group("common options")
    options.add_argument("--json", action="store_true", help="Write JSON for machines; errors as problem documents.")
    options.add_argument("--data-dir", metavar="DIR", dest="att_data_dir", help="Data directory; else ATT_DATA_DIR.")
    options.add_argument("--url", metavar="URL", dest="att_url", help="Server to speak to; else ATT_URL.")
    options.add_argument("--token", metavar="TOKEN", dest="att_token", help="Token of that server; else ATT_TOKEN.")
    return common


def _exit_codes() -> str:
    by_code: dict[int, list[str]] = {0: ["done"], 2: ["wrong usage"], 130: ["interrupted; what runs goes on"]}
    for code, error in error_classes().items():
        by_code.setdefault(error.exit_code, []).append(code)
    lines = [f"  {number:>3}  {', '.join(meanings)}" for number, meanings in sorted(by_code.items())]
    return "\n".join(["exit codes:", *lines])


def overview() -> str:
    """Return what `att` says when it is asked nothing."""
    verbs: dict[str, list[str]] = {}
    for operation in offered():
        group, _, verb = operation.cli.rpartition(" ")
        verbs.setdefault(group, []).append(verb)
    group, _, verb = WORDS.rpartition(" ")
    verbs.setdefault(group, []).append(verb)
    width = max(map(len, verbs))
    lines = [f"  {group:<{width}}  {', '.join(names)}" for group, names in verbs.items()]
    return "\n".join(
        [
            "ATT runs a Python project, shows its health and logs, tests it, and keeps every result.",
            "",
            "commands (att GROUP VERB):",
            *lines,
            "",
            "to begin:",
            _EXAMPLES,
            "",
            "att --help tells the common options and exit codes, att GROUP VERB --help the rest.",
        ]
    )
