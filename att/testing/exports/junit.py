"""Export runs as JUnit XML, as pytest writes it and build servers read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import XMLGenerator

import pandas as pd

from att.testing.exports.reports import FailureText, ReportedRun, ReportedTest, write_reports

__all__ = ["to_junit"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {"failed": "failure", "error": "error", "rerun": "error", "skipped": "skipped", "xfailed": "skipped"}
_PROPERTIES = ("project", "run_id", "branch", "commit", "ci_url", "suite", "python", "pytest", "os", "source")


def to_junit(runs: pd.DataFrame, results: pd.DataFrame, failures: pd.DataFrame, target: str | Path) -> list[Path]:
    """Write runs as JUnit XML: one run into an `.xml` file, or each into `<run_id>.xml` of a folder; return the paths.

    Written as pytest writes it: `file`, `classname` and `name` give the nodeid back, an expected failure is
    `<skipped type="pytest.xfail">`, an unexpected pass a pass, an error in setup or teardown an `<error>`, a file that
    could not be collected a testcase of its name. Earlier attempts are `<flakyFailure>` where the test passed at last
    and `<rerunFailure>` where it did not, as Maven Surefire writes them and Jenkins reads them. Commit, branch and URL
    are properties of the suite. A run without tests, as of a console log, states its counts; such a file lists nothing
    that could be loaded again. Times are seconds. Characters that XML forbids are written as `#x1B`.
    Raises `Invalid` when a file is named and there is not exactly one run.
    """
    return write_reports((runs, results, failures), target, ".xml", _write)


@dataclass(frozen=True, slots=True)
class _Element:
    """What lies inside a testcase."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    attributes: dict[str, str]
    children: tuple[_Element, ...]


def _write(run: ReportedRun, path: Path) -> None:
    cases = [case for test in run.tests for case in _cases(test)]
    cases += [_not_collected(name, failure) for name, failure in run.collect_failures]
    with path.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
        xml = XMLGenerator(stream, "utf-8", short_empty_elements=True)
        xml.startDocument()
        xml.startElement("testsuites", {"name": "pytest tests"})  # type: ignore[arg-type]
        _suite(xml, run, cases)
        xml.endElement("testsuites")
        xml.endDocument()


def _suite(xml: XMLGenerator, reported: ReportedRun, cases: list[_Case]) -> None:
    run = reported.run
    counts = Counter(child.tag for case in cases for child in case.children) if cases else _counted(reported.counts)
    attributes = {
        "name": "pytest",
        "tests": str(len(cases) or counts.total()),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{run.get('duration_seconds', 0.0):.6f}",
    }
    if "started_at" in run:
        attributes["timestamp"] = run["started_at"].isoformat()
    if "host" in run:
        attributes["hostname"] = run["host"]
    _start(xml, "testsuite", attributes)
    _start(xml, "properties", {})
    for name in _PROPERTIES:
        if name in run:
            _element(xml, _Element("property", {"name": name, "value": str(run[name])}))
    xml.endElement("properties")
    for case in cases:
        _start(xml, "testcase", case.attributes)
        for child in case.children:
            _element(xml, child)
        xml.endElement("testcase")
    xml.endElement("testsuite")


def _counted(counts: Mapping[str, int]) -> Counter[str]:
    """Return the number of results by tag in a run of which only the counts are known."""
    tags: Counter[str] = Counter()
    for outcome, number in counts.items():
        if outcome != "rerun":
            tags[_TAGS.get("error" if outcome == "errors" else outcome, "")] += number
    return tags


def _element(xml: XMLGenerator, element: _Element) -> None:
    _start(xml, element.tag, element.attributes)
    xml.characters(_printable(element.text))
    xml.endElement(element.tag)


def _start(xml: XMLGenerator, tag: str, attributes: dict[str, str]) -> None:
    xml.startElement(tag, {name: _printable(value) for name, value in attributes.items()})  # type: ignore[arg-type]


def _printable(text: str) -> str:
    return _ILLEGAL.sub(lambda match: f"#x{ord(match[0]):02X}", text)


def _cases(test: ReportedTest) -> Iterator[_Case]:
    """Yield the testcase of a test, and another when its teardown failed after its call had failed."""
    last = test.last
    attributes = _names(test) | {"time": f"{sum(a.seconds or 0.0 for a in test.attempts):.6f}"}
    teardown = [failure for failure in last.failures if failure.phase == "teardown"]
    call = [failure for failure in last.failures if failure.phase != "teardown"]
    yield _Case(attributes, tuple(_children(test)))
    if teardown and call:
        yield _Case(attributes | {"time": "0.000000"}, (_result("error", teardown[0]),))


def _names(test: ReportedTest) -> dict[str, str]:
    file, classes, name = test.names()
    module = file.removesuffix(".py").replace("/", ".")
    names = {"classname": ".".join(part for part in (module, *classes) if part), "name": name}
    return names | ({"file": file} if file else {})


def _children(test: ReportedTest) -> Iterator[_Element]:
    """Yield the result and then the other attempts: Surefire tells the first failure and lists what came after it."""
    earlier, last = list(test.attempts[:-1]), test.last
    tag = _TAGS.get(last.outcome)
    if tag == "error" and last.failure().phase == "call":
        tag = "failure"
    if tag in ("failure", "error"):
        told, *again = [*earlier, last]
        yield _result(tag, told.failure())
        for attempt in again:
            yield _attempt(f"rerun{_kind(attempt.outcome)}", attempt.failure())
        return
    if tag == "skipped":
        kind = "pytest.xfail" if last.outcome == "xfailed" else "pytest.skip"
        yield _Element("skipped", {"type": kind, "message": last.failure().message})
    for attempt in earlier:
        yield _attempt(f"flaky{_kind(attempt.outcome)}", attempt.failure())


def _kind(outcome: str) -> str:
    return "Error" if outcome == "error" else "Failure"


def _result(tag: str, failure: FailureText) -> _Element:
    """Return a failure with pytest's own words for the phase, by which readers know it."""
    message = ": ".join(part for part in (failure.exception, failure.message) if part)
    if tag == "error" and failure.phase in ("setup", "teardown"):
        message = f'failed on {failure.phase} with "{message}"'
    return _Element(tag, {"message": message}, failure.longrepr)


def _attempt(tag: str, failure: FailureText) -> _Element:
    kind = {"type": failure.exception} if failure.exception else {}
    return _Element(tag, {"message": failure.message, **kind}, failure.longrepr)


def _not_collected(name: str, failure: FailureText) -> _Case:
    error = _Element("error", {"message": "collection failure"}, failure.longrepr or failure.message)
    return _Case({"classname": "", "name": name, "time": "0.000000"}, (error,))
