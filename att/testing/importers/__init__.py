"""Test reports of other tools and of CI, read into counts and tests: console, JSON, JUnit, report log, CTRF, zip."""

from __future__ import annotations

from att.testing.importers.archive import ArchiveMember, read_archive
from att.testing.importers.console import parse_pytest_console
from att.testing.importers.ctrf import parse_ctrf
from att.testing.importers.json_report import parse_pytest_json_report
from att.testing.importers.junit import parse_junit_xml
from att.testing.importers.models import Failure, ParsedReport, ReportKind, TestRecord, TestTable
from att.testing.importers.nodeids import NodeIds
from att.testing.importers.parsing import merge, parse
from att.testing.importers.reportlog import parse_reportlog

__all__ = [
    "ArchiveMember",
    "Failure",
    "NodeIds",
    "ParsedReport",
    "ReportKind",
    "TestRecord",
    "TestTable",
    "merge",
    "parse",
    "parse_ctrf",
    "parse_junit_xml",
    "parse_pytest_console",
    "parse_pytest_json_report",
    "parse_reportlog",
    "read_archive",
]
