"""Zips of reports: merged when they are of one format, refused member by member, and never a bomb."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from att.errors import ATTError, Invalid, NotFound, TooLarge
from att.testing.importers import merge, parse, read_archive
from tests.testing.importers.support import sample

SUITE = b'<testsuite name="%s"><testcase name="a"/></testsuite>'


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_the_reports_of_one_format_are_merged() -> None:
    report = parse(
        zipped({"TEST-a.xml": SUITE % b"a", "deep/TEST-b.xml": SUITE % b"b", "notes.md": b"#", ".x.xml": b"<"})
    )
    assert (report.kind, report.passed, len(report.tests), report.status) == ("junit", 2, 2, "passed")


def test_reports_of_two_formats_need_a_kind() -> None:
    data = zipped({"junit.xml": sample("junit__mixed-p9.xml"), "log.txt": sample("console__mixed-p9.txt")})
    with pytest.raises(Invalid, match="console and junit"):
        parse(data)
    assert parse(data, "console").passed == 8
    assert parse(data, "junit").passed == 9


def test_a_broken_member_does_not_stop_the_others() -> None:
    data = zipped({"a.xml": SUITE % b"a", "b.xml": b"<testsuite>", "c.zip.txt": zipped({"a.xml": SUITE % b"a"})})
    members = list(read_archive(data, parse))
    assert [(member.name, member.report is not None) for member in members][:2] == [("a.xml", True), ("b.xml", False)]
    assert "cut off" in str(members[1].error)


WHOLE = {
    "junit": SUITE % b"a",
    "console": sample("console__mixed-p9.txt"),
    "json-report": sample("json-report__rerun-p9.json"),
    "ctrf": sample("ctrf__cls-p8.json"),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("told", [False, True], ids=["recognised", "told"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_the_totals_of_a_zip_with_a_broken_report_are_not_known(kind: str, told: bool, share: float) -> None:
    whole, name = WHOLE[kind], "b.xml" if kind == "junit" else "b.txt"
    data = zipped({"a.txt": whole, name: whole[: int(len(whole) * share)]})
    with pytest.raises(Invalid, match=r"holds 1 broken, so the totals cannot be known\. b\.(xml|txt): "):
        parse(data, kind if told else None)  # type: ignore[arg-type]


def test_a_member_without_content_or_that_cannot_be_unpacked_is_broken_by_its_name() -> None:
    with pytest.raises(Invalid, match=r"b\.xml: "):
        parse(zipped({"a.xml": WHOLE["junit"], "b.xml": b""}))
    data = zipped({"a.xml": WHOLE["junit"], "b.xml": WHOLE["junit"] * 2}, zipfile.ZIP_STORED)
    with pytest.raises(Invalid, match=r"b\.xml.*cannot be unpacked"):
        parse(data.replace(WHOLE["junit"] * 2, WHOLE["junit"] + b"<" * len(WHOLE["junit"])))


@pytest.mark.parametrize("kind", WHOLE)
def test_files_of_a_zip_that_are_no_report_are_passed_over(kind: str) -> None:
    others = {
        "coverage.xml": b"<?xml version='1.0'?><!-- x --><coverage line-rate='1'/>",
        "package.json": b'{"name": "a"}',
        "notes.txt": b"all went well",
        "empty.log": b"",
        "list.json": b"[1",
    }
    assert parse(zipped({"a.txt": WHOLE[kind], **others})).counts == parse(WHOLE[kind]).counts
    torn = {"torn.xml": b"<testsuite><test"} if kind != "junit" else {"torn.json": b'{"exitcode": 1, "summ'}
    assert parse(zipped({"a.txt": WHOLE[kind], **torn})).kind == kind, "of another format"


def test_an_archive_without_reports_is_refused() -> None:
    for members in ({}, {"a.md": b"x"}, {"a.xml": b"<html/>"}, {"inner.txt": zipped({"a.xml": SUITE % b"a"})}):
        with pytest.raises(Invalid, match="holds no report"):
            parse(zipped(members))


def test_a_bomb_is_refused_before_it_unpacks() -> None:
    data = zipped({"bomb.xml": b" " * (40 << 20)})
    (member,) = read_archive(data, parse)
    assert isinstance(member.error, TooLarge)


def test_a_size_that_lies_is_not_believed() -> None:
    data = bytearray(zipped({"a.xml": b" " * (40 << 20)}))
    for offset in (data.find(b"PK\x01\x02") + 24, data.find(b"PK\x03\x04") + 22):
        data[offset : offset + 4] = (100).to_bytes(4, "little")
    (member,) = read_archive(bytes(data), parse)
    assert member.report is None


def test_too_many_members_are_refused() -> None:
    with pytest.raises(TooLarge, match="10001 files"):
        parse(zipped({f"{number}.xml": b"" for number in range(10_001)}, zipfile.ZIP_STORED))


def test_a_broken_zip_is_refused() -> None:
    data = zipped({"a.xml": SUITE % b"a" * 100})
    for broken in (data[:40], data[:-10], b"PK\x03\x04" + b"\0" * 100):
        with pytest.raises(Invalid):
            parse(broken)


def test_merging_adds_and_keeps_the_unknown_unknown() -> None:
    one, two = parse(sample("junit__mixed-p9.xml")), parse(sample("junit__cls-p62.xml"))
    both = merge([one, two])
    assert (both.passed, both.failed, both.xpassed, both.status) == (11, 6, None, "failed")
    assert len(both.tests) == len(one.tests) + len(two.tests)
    assert both.tests[len(one.tests)].nodeid == two.tests[0].nodeid
    with pytest.raises(Invalid):
        merge([])


def test_a_path_must_name_a_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        parse(tmp_path / "missing.xml")
    with pytest.raises(NotFound):
        parse(str(tmp_path / "missing.xml"))
    with pytest.raises(Invalid):
        parse(tmp_path)
    for name in ("a\0b", str(tmp_path / ("x" * 5000))):
        with pytest.raises(ATTError):
            parse(name)
    with pytest.raises(Invalid, match="report kind"):
        parse(b"", "nunit")  # type: ignore[arg-type]


def test_a_file_over_the_limit_is_refused_without_reading_it(tmp_path: Path) -> None:
    for name, begin in (("a.xml", b"<testsuite>"), ("a.json", b"{"), ("a.txt", b"====")):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(begin)
            file.truncate(1 << 30)
        with pytest.raises(TooLarge):
            parse(path)
