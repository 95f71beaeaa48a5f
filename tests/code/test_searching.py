from __future__ import annotations

import time
from pathlib import Path

import pytest

from att.code import searching
from att.code.folder import Folder
from att.code.manager import CodeManager
from att.code.models import SearchHit, SearchPage
from att.code.searching import Query, search
from att.errors import Invalid, NotFound, PermissionDenied
from tests.code.conftest import Write

Found = list[tuple[str, int, int]]


def found(page: SearchPage) -> Found:
    return [(hit.path, hit.line, hit.column) for hit in page.hits]


def test_text_is_found_with_line_and_column(code: CodeManager, write: Write) -> None:
    write({"a.py": "x = 1\nprint(X.y)\r\n", "b/c.txt": "no\n", "b/d.txt": "ünder x.y"})
    page = code.search("demo", "x.Y")
    assert page.hits == [
        SearchHit(path="a.py", line=2, column=6, text="print(X.y)"),
        SearchHit(path="b/d.txt", line=1, column=6, text="ünder x.y"),
    ]
    assert (page.files_searched, page.files_skipped, page.has_more) == (3, 0, False)
    assert found(code.search("demo", "x.y", case_sensitive=True)) == [("b/d.txt", 1, 6)]


def test_an_expression_is_found(code: CodeManager, write: Write) -> None:
    write({"a.py": "def one():\n    pass\ndef two(): pass\n"})
    assert found(code.search("demo", r"^def (\w+)", regex=True)) == [("a.py", 1, 0), ("a.py", 3, 0)]
    assert found(code.search("demo", "DEF", regex=True, case_sensitive=True)) == []


def test_a_query_is_text_unless_it_is_an_expression(code: CodeManager, write: Write) -> None:
    write({"a": "f(x)\nff\n"})
    assert found(code.search("demo", "f(")) == [("a", 1, 0)]
    with pytest.raises(Invalid, match="no regular expression"):
        code.search("demo", "f(", regex=True)


def test_folder_pattern_and_ignore_rules_narrow(code: CodeManager, write: Write) -> None:
    write({".gitignore": "*.log\n", "a.log": "x", "b.py": "x", "sub/c.py": "x", "sub/d.txt": "x"})
    assert [hit.path for hit in code.search("demo", "x").hits] == ["b.py", "sub/c.py", "sub/d.txt"]
    assert [hit.path for hit in code.search("demo", "x", pattern="*.py").hits] == ["b.py", "sub/c.py"]
    assert [hit.path for hit in code.search("demo", "x", folder="sub").hits] == ["sub/c.py", "sub/d.txt"]
    with pytest.raises(PermissionDenied):
        code.search("demo", "x", folder="..")
    with pytest.raises(NotFound):
        code.search("demo", "x", folder="none")


@pytest.mark.parametrize("regex", [False, True])
def test_binary_and_large_files_and_links_out_are_skipped(
    code: CodeManager, folder: Path, tmp_path: Path, write: Write, regex: bool
) -> None:
    write({"bin": b"x\0x", "large": b"x" * 100_001, "latin": b"x \xe9\n"})
    (tmp_path / "secret").write_text("x")
    (folder / "out").symlink_to(tmp_path / "secret")
    page = code.search("demo", "x", regex=regex)
    assert page.hits == [SearchHit(path="latin", line=1, column=0, text="x \ufffd")]
    assert (page.files_searched, page.files_skipped) == (1, 2)


def test_long_lines_are_clipped(code: CodeManager, write: Write) -> None:
    write({"a": "y" * 3000 + "x"})
    (hit,) = code.search("demo", "x").hits
    assert (hit.column, len(hit.text)) == (3000, 500)


@pytest.mark.parametrize("regex", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_give_every_hit_once(code: CodeManager, write: Write, regex: bool, limit: int) -> None:
    write(dict.fromkeys(("a", "b/a", "b-", "c"), "x\nno\nx\nx\n") | {"empty": "", "n" * 200 + "1": "x\nx"})
    whole = found(code.search("demo", "x", regex=regex))
    assert len(whole) == 14
    seen: Found = []
    cursor: str | None = None
    for _ in range(30):
        page = code.search("demo", "x", regex=regex, limit=limit, cursor=cursor)
        seen += found(page)
        cursor = page.cursor
        if not page.has_more:
            break
    assert seen == whole


def test_an_expression_that_never_ends_is_ended(folder: Path, write: Write) -> None:
    write({"a": "fine\n", "b": "a" * 60 + "!\n", "c": "aaa\n"})
    query = Query("(a+)+$", regex=True)
    # The files before it are done, then it is said which one it hangs in.
    first = search(Folder(folder), query, None, 10, seconds=1.0)
    assert (first.files_searched, first.has_more) == (1, True)
    begun = time.monotonic()
    with pytest.raises(Invalid, match="'b'"):
        search(Folder(folder), query, first.cursor, 10, seconds=1.0)
    assert time.monotonic() - begun < 20


def test_an_expression_that_is_not_prepared_in_time_is_ended(folder: Path, write: Write) -> None:
    write({"a": "a\n"})
    with pytest.raises(Invalid, match="in time"):
        search(Folder(folder), Query("a", regex=True), None, 10, seconds=0.0)


def test_a_page_ends_when_its_time_is_over_and_goes_on(folder: Path, write: Write) -> None:
    write({f"f{n}": "x\n" for n in range(5)})
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(6):
        page = search(Folder(folder), Query("x"), cursor, 10, seconds=0.0)
        seen += [hit.path for hit in page.hits]
        cursor = page.cursor
        if not page.has_more:
            break
    assert seen == [f"f{n}" for n in range(5)]


def test_the_worker_is_gone_after_each_search(code: CodeManager, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"a": "x\n" * 5})
    workers: list[searching._Worker] = []

    class Seen(searching._Worker):
        def __enter__(self) -> searching._Worker:
            workers.append(self)
            return super().__enter__()

    monkeypatch.setattr(searching, "_Worker", Seen)
    code.search("demo", "x", regex=True, limit=2)
    with pytest.raises(Invalid):
        code.search("demo", "(", regex=True)
    assert [worker._process.poll() is not None for worker in workers] == [True, True]
