"""Read which tests pytest's output names: every one with -v, those of the short summary otherwise."""

from __future__ import annotations

import re

from att.testing.importers.building import Session, make_failure
from att.testing.importers.models import TestTable

__all__ = ["SECTION", "tests_of"]

SECTION = re.compile(
    r"=+ (ERRORS|FAILURES|PASSES|XFAILURES|XPASSES|warnings summary.*|short test summary info"
    r"|rerun test summary info|slowest .*durations.*) =+"
)
"""The line that opens a part of the terminal summary."""

_WORDS = "PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|RERUN"
_VERBOSE = re.compile(rf"(?P<nodeid>\S.*?::.*?) (?P<word>{_WORDS})\b(?: \(.*\))?(?: *\[ *\d+[%/ \d]*\])?")
_WORKER = re.compile(rf"\[(?P<worker>gw\d+)\] \[ *\d+%\] (?P<word>{_WORDS}) (?P<nodeid>\S.*)")
_INFO = re.compile(r"(?P<word>PASSED|FAILED|ERROR|XFAIL|XPASS) (?P<nodeid>\S.*?)(?: - (?P<message>.*))?")
_BLOCK = re.compile(r"_+ (.*\S) _+")
_CATEGORY_OF_WORD = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "errors",
    "SKIPPED": "skipped",
    "XFAIL": "xfailed",
    "XPASS": "xpassed",
    "RERUN": "rerun",
}
_Blocks = dict[str, dict[str, list[str]]]
"""Texts under FAILURES and ERRORS, by FAILED or ERROR and the title of each."""


def tests_of(lines: list[str]) -> TestTable:
    """Return the tests that the verbose lines and the short summary name."""
    session, blocks, state = Session(), _blocks(lines), "progress"
    for line in lines:
        if section := SECTION.fullmatch(line):
            state = section[1]
        elif state == "progress" and (match := _WORKER.fullmatch(line) or _VERBOSE.fullmatch(line)):
            row = session.row(match["nodeid"])
            session.count(_CATEGORY_OF_WORD[match["word"]], row)
            row.attempts += match["word"] == "RERUN"
            row.worker = match.groupdict().get("worker")
        elif state == "short test summary info" and (info := _info(line)):
            _add_info(session, *info, blocks)
    return session.table()


def _add_info(session: Session, nodeid: str, word: str, message: str, blocks: _Blocks) -> None:
    row = session.row(nodeid)
    session.count(_CATEGORY_OF_WORD[word], row)
    if word in ("FAILED", "ERROR"):
        texts = blocks[word].get(_title(nodeid), [])
        row.failures.append(make_failure(None, message, texts.pop(0) if texts else "", attempt=row.attempts))


def _info(line: str) -> tuple[str, str, str] | None:
    """Return (nodeid, word, message) of a line of the short summary; ` - ` inside brackets is not the separator."""
    match = _INFO.fullmatch(line)
    if match is None:
        return None
    nodeid, message = match["nodeid"], match["message"] or ""
    if "[" in nodeid and not nodeid.endswith("]") and "]" in message:
        more, _, message = message.partition("]")
        nodeid, message = f"{nodeid} - {more}]", message.removeprefix(" - ")
    return nodeid, match["word"], message


def _title(nodeid: str) -> str:
    return ".".join(nodeid.split("::")[1:]) or nodeid


def _blocks(lines: list[str]) -> _Blocks:
    """Return the texts under FAILURES and ERRORS by the title of each."""
    found: dict[str, dict[str, list[str]]] = {"FAILED": {}, "ERROR": {}}
    word, title, block = "", "", list[str]()
    for line in [*lines, "=== short test summary info ==="]:
        section, heading = SECTION.fullmatch(line), _BLOCK.fullmatch(line)
        if not (section or heading):
            block.append(line)
            continue
        if word and title:
            found[word].setdefault(title, []).append("\n".join(block).strip("\n"))
        if section:
            word, title = {"FAILURES": "FAILED", "ERRORS": "ERROR"}.get(section[1], ""), ""
        elif heading:
            title = re.sub(r"^ERROR (?:at setup of|at teardown of|collecting) ", "", heading[1])
        block = []
    return found
