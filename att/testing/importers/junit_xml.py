"""Stream JUnit XML through expat into testcases as raw attributes, with what lies inside them kept apart by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO, NoReturn
from xml.parsers import expat

from att.errors import Invalid
from att.testing.importers.reading import MAX_SECONDS, seconds, wide_encoding

__all__ = ["EARLIER_TAGS", "OUTPUT_TAGS", "RESULT_TAGS", "Child", "RawReport", "read_junit"]

CHUNK_BYTES = 256 << 10
MAX_DEPTH = 100

RESULT_TAGS = ("failure", "error", "skipped")
EARLIER_TAGS = ("rerunFailure", "rerunError", "flakyFailure", "flakyError")
OUTPUT_TAGS = ("system-out", "system-err")

_USUAL = ["classname", "name", "time"]
_STRIDE = 2 * len(_USUAL)
_ROOTS = ("testsuites", "testsuite", "testrun")
_CHILDREN = frozenset((*RESULT_TAGS, *EARLIER_TAGS, *OUTPUT_TAGS))
_CUT_OFF = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
)

Attributes = dict[str, str]


@dataclass(slots=True)
class Child:
    """An element directly inside a testcase that tells of its result, an earlier attempt, or its output."""

    tag: str
    attributes: Attributes
    text: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The `message` attribute, empty where there is none."""
        return self.attributes.get("message", "")

    @property
    def body(self) -> str:
        """All text of the element, that of elements inside it included; of a skip only the attributes are read."""
        return "".join(self.text)


@dataclass(slots=True)
class RawReport:
    """What a file says, before anything is decided about it."""

    root: Attributes = field(default_factory=dict)
    suites: list[Attributes] = field(default_factory=list)
    top_suites: list[Attributes] = field(default_factory=list)
    classnames: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    durations: list[float | None] = field(default_factory=list)
    """Seconds; None where the time is missing or is no duration."""
    more: dict[int, Attributes] = field(default_factory=dict)
    """All attributes of the testcases that have not just classname, name and time in this order."""
    children: dict[int, list[Child]] = field(default_factory=dict)
    properties: Attributes = field(default_factory=dict)
    """Properties of the report and its suites; the first of a name counts."""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """(row, suite) where the testcases of a suite begin or go on; suite -1 is none."""
    pending: list[Any] = field(default_factory=list)
    """Testcases that `take` has not put into the columns yet: names and values in turn, `_STRIDE` for each."""
    _same: dict[str, str] = field(default_factory=dict)
    """Each classname once: its tests share the text."""

    def rows(self) -> int:
        """Return how many testcases there are so far, the pending ones included."""
        return len(self.names) + len(self.pending) // _STRIDE

    def add_unusual(self, values: Attributes) -> None:
        """Add a testcase that has other attributes than most."""
        self.more[self.rows()] = values
        self.pending += _ordered(values)

    def take(self) -> None:
        """Move the pending testcases into the columns, where they cost a slice instead of a step each."""
        pending, first = self.pending, len(self.names)
        if pending[::2] != _USUAL * (len(pending) // _STRIDE):
            for at in range(0, len(pending), _STRIDE):
                if pending[at : at + _STRIDE : 2] != _USUAL:
                    values = self.more[first + at // _STRIDE] = _named(pending[at : at + _STRIDE])
                    pending[at : at + _STRIDE] = _ordered(values)
        classnames = pending[1::_STRIDE]
        self.classnames += map(self._same.setdefault, classnames, classnames)
        self.names += pending[3::_STRIDE]
        self.durations += _durations(pending[5::_STRIDE])
        pending.clear()

    def suite_of(self) -> list[int]:
        """Return the index of each testcase's suite, -1 outside any."""
        spans = [(0, -1), *self.spans, (len(self.names), -1)]
        column: list[int] = []
        for (start, suite), (end, _) in pairwise(spans):
            column.extend([suite] * (end - start))
        return column


def read_junit(stream: BinaryIO, name: str) -> RawReport:
    """Read a stream whole; raise Invalid where it is not JUnit XML, is cut off, or declares a document type."""
    report = RawReport()
    head = stream.read(CHUNK_BYTES)
    wide = wide_encoding(head)
    parser = expat.ParserCreate("utf-8" if wide else None)
    parser.buffer_text = parser.ordered_attributes = True
    parser.StartElementHandler, parser.EndElementHandler = _handlers(parser, report, name)
    parser.StartDoctypeDeclHandler = _refuse_doctype(name)
    try:
        for chunk in _recoded(head, stream, wide):
            parser.Parse(chunk, False)
            report.take()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _broken(error, name) from None
    except (ValueError, LookupError) as error:
        raise Invalid(f"{name} has an encoding that cannot be read ({error}).") from None
    report.take()
    return report


def _handlers(
    parser: expat.XMLParserType, report: RawReport, name: str
) -> tuple[Callable[[str, list[str]], None], Callable[[str], None]]:
    """Return the handlers of start and end tags. They are closures, not methods: they run for every element.

    A testcase costs them as little as can be: `depth` does not count it, but all other elements. `case_depth` is the
    depth at which a testcase is open, 0 when none is; `child_depth` is that of the child whose text is read.
    """
    depth = case_depth = child_depth = 0
    open_suites: list[int] = []
    add_case = report.pending.extend

    def start(tag: str, attributes: list[str]) -> None:
        nonlocal case_depth
        if tag == "testcase" and depth:
            case_depth = depth
            if len(attributes) == _STRIDE:
                add_case(attributes)
            else:
                report.add_unusual(_named(attributes))
        else:
            start_other(tag, attributes)

    def start_other(tag: str, attributes: list[str]) -> None:
        nonlocal depth, child_depth
        if ":" in tag:
            start(tag.rpartition(":")[2], attributes)
            return
        depth += 1
        if case_depth and depth == case_depth + 1 and tag in _CHILDREN:
            child = Child(tag, _named(attributes))
            report.children.setdefault(report.rows() - 1, []).append(child)
            if tag != "skipped":
                parser.CharacterDataHandler = child.text.append
                child_depth = depth
        else:
            start_around(tag, _named(attributes))

    def start_around(tag: str, attributes: Attributes) -> None:
        if depth == 1:
            _check_root(tag, name)
            report.root = attributes
        elif depth > MAX_DEPTH:
            raise Invalid(f"{name} is nested deeper than {MAX_DEPTH} elements: it is not a test report.")
        if tag == "testsuite":
            if not open_suites:
                report.top_suites.append(attributes)
            report.suites.append(attributes)
            open_suites.append(len(report.suites) - 1)
            report.spans.append((report.rows(), open_suites[-1]))
        elif tag == "property" and not case_depth:
            report.properties.setdefault(attributes.get("name", ""), attributes.get("value", ""))

    def end(tag: str) -> None:
        nonlocal case_depth
        if tag == "testcase":
            case_depth = 0
        else:
            end_other(tag)

    def end_other(tag: str) -> None:
        nonlocal depth, child_depth
        if ":" in tag:
            end(tag.rpartition(":")[2])
            return
        if depth == child_depth:
            child_depth = 0
            parser.CharacterDataHandler = None
        elif tag == "testsuite":
            open_suites.pop()
            report.spans.append((report.rows(), open_suites[-1] if open_suites else -1))
        depth -= 1

    return start, end


def _named(attributes: list[str]) -> Attributes:
    values = iter(attributes)
    return dict(zip(values, values, strict=True))


def _ordered(values: Attributes) -> list[str | None]:
    return ["classname", values.get("classname", ""), "name", values.get("name"), "time", values.get("time")]


def _durations(times: list[str | None]) -> list[float | None]:
    """Return seconds of each text; the common case, where all are plain numbers, at the speed of `float`."""
    try:
        numbers = list(map(float, times))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return [seconds(time) for time in times]
    # What is not negative is not more than its sum, and a sum with what is no number in it is none.
    good = min(numbers, default=0) >= 0 and sum(numbers) <= MAX_SECONDS
    return [*numbers] if good else [seconds(time) for time in times]


def _check_root(tag: str, name: str) -> None:
    if tag not in _ROOTS:
        raise Invalid(f"{name} is XML but not JUnit: its root is <{tag}>, not <testsuites> or <testsuite>.")


def _refuse_doctype(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any) -> NoReturn:
        raise Invalid(f"{name} declares a document type. Test reports need none, and entities can be a bomb.")

    return refuse


def _recoded(head: bytes, stream: BinaryIO, wide: str | None) -> Iterator[bytes]:
    """Yield the bytes in chunks, UTF-16 and UTF-32 as UTF-8."""
    if wide:
        text = (head + stream.read()).decode(wide, "replace").removeprefix("\ufeff")
        yield text.encode("utf-8", "replace")
        return
    while head:
        yield head
        head = stream.read(CHUNK_BYTES)


def _broken(error: expat.ExpatError, name: str) -> Invalid:
    hint = " The file is empty or cut off; import the whole file." if error.code in _CUT_OFF else ""
    return Invalid(
        f"{name} is not well-formed XML: line {error.lineno}: {expat.ErrorString(error.code)}.{hint}",
        line=error.lineno,
    )
