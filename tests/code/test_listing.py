from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

import pytest

from att.code.cursors import Place
from att.code.ignoring import IgnoreRules
from att.code.manager import CodeManager
from att.errors import Invalid, NotFound, PermissionDenied
from tests.code.conftest import Write
from tests.support.privileges import without_root_rights


def paths(code: CodeManager, *arguments: str | None, **options: bool) -> list[str]:
    return [found.path for found in code.list("demo", *arguments, **options).files]  # type: ignore[arg-type]


def test_files_folders_and_links_come_in_the_order_of_paths(code: CodeManager, folder: Path, write: Write) -> None:
    write({"b.txt": "22", "a/x.py": "", "a-b": "", "a/sub/": ""})
    (folder / "z").symlink_to("b.txt")
    page = code.list("demo")
    assert [(f.path, f.kind, f.size_bytes) for f in page.files] == [
        ("a", "folder", None),
        ("a/sub", "folder", None),
        ("a/x.py", "file", 0),
        ("a-b", "file", 0),
        ("b.txt", "file", 2),
        ("z", "link", None),
    ]
    assert not page.has_more


def test_what_git_ignores_is_left_out_at_every_level(code: CodeManager, write: Write) -> None:
    write(
        {
            ".gitignore": "*.log\n/build/\n!keep.log\n",
            "a.log": "",
            "keep.log": "",
            "build/out": "",
            "sub/build/out": "",
            "sub/.gitignore": "*.tmp\n!b.log\n/only\n",
            "sub/a.log": "",
            "sub/b.log": "",
            "sub/c.tmp": "",
            "sub/deep/c.tmp": "",
            "sub/only": "",
            "sub/deep/only": "",
            "c.tmp": "",
        }
    )
    shown = ["c.tmp", "keep.log", "sub/b.log", "sub/build/out", "sub/deep/only"]
    files = [p for p in paths(code) if not p.endswith((".gitignore", "sub", "build", "deep"))]
    assert files == shown
    assert "build/out" in paths(code, ignored=True)
    assert paths(code, "sub/deep") == ["sub/deep/only"]


def test_the_same_files_are_left_out_as_by_git(code: CodeManager, folder: Path, write: Write) -> None:
    write(
        {
            ".gitignore": "*.py[co]\n**/cache/**\n!cache/keep\ndocs/*.html\n/root\\ name\nd*/\n\\#hash\nfoo/**/bar\n",
            "a.pyc": "",
            "a.py": "",
            "x/cache/y": "",
            "cache/keep": "",
            "docs/a.html": "",
            "docs/b.md": "",
            "root name": "",
            "sub/root name": "",
            "#hash": "",
            "foo/a/b/bar": "",
            "foo/bar": "",
            "dfile": "",
            "e/dd/f": "",
            "e/.gitignore": "!dd/\n",
        }
    )
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / ".git/info/exclude").write_text("dfile\n")
    told = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"], cwd=folder, check=True, capture_output=True
    ).stdout
    files = [found.path for found in code.list("demo").files if found.kind == "file"]
    assert sorted(files) == sorted(name.decode() for name in told.split(b"\0") if name)


def test_rules_of_the_repository_around_hold(code: CodeManager, tmp_path: Path, write: Write) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\n/code/secret\n")
    write({"a.log": "", "b.txt": "", "secret": ""})
    assert paths(code) == ["b.txt"]


def test_a_project_that_is_ignored_as_a_whole_still_shows_its_files(
    code: CodeManager, tmp_path: Path, write: Write
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*\n")
    write({"b.txt": ""})
    assert paths(code) == ["b.txt"]


def test_git_and_environments_are_not_listed(code: CodeManager, write: Write) -> None:
    write({".git/config": "", "env/pyvenv.cfg": "", "env/lib/x.py": "", "a.py": "", "sub/.git": "gitdir: x"})
    assert paths(code) == ["a.py", "sub"]
    assert paths(code, ignored=True) == ["a.py", "env", "env/lib", "env/lib/x.py", "env/pyvenv.cfg", "sub"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.py", ["a.py", "sub/b.py", "sub/deep/c.py"]),
        ("**/*.py", ["a.py", "sub/b.py", "sub/deep/c.py"]),
        ("/*.py", ["a.py"]),
        ("sub/*.py", ["sub/b.py"]),
        ("sub/", ["sub", "sub/b.py", "sub/deep", "sub/deep/c.py"]),
        ("[bc].py", ["sub/b.py", "sub/deep/c.py"]),
        ("!*.py", []),
    ],
)
def test_a_pattern_selects(code: CodeManager, write: Write, pattern: str, expected: list[str]) -> None:
    write({"a.py": "", "sub/b.py": "", "sub/deep/c.py": "", "d.txt": ""})
    assert paths(code, ".", pattern) == expected


def test_many_stars_take_no_time_and_match_as_git_matches(code: CodeManager, folder: Path, write: Write) -> None:
    write({"a" * 250: "", "a" * 250 + "b": "", "xaybzb.c": "", "q1[z": ""})
    assert paths(code, ".", "*a" * 20 + "b") == ["a" * 250 + "b"]
    assert paths(code, ".", "*a*a**a***a*") == ["a" * 250, "a" * 250 + "b"]
    assert paths(code, ".", "*a?b*b*.*c*") == ["xaybzb.c"]
    assert paths(code, ".", "*[!x]*[0-9]*\\[*z*") == ["q1[z"]
    write({"s/b": ""})
    assert paths(code, ".", "s[!x]b") == []
    (folder / ".gitignore").write_text("*a" * 20 + "b\n*a*?*b*.c\n")
    assert paths(code) == [".gitignore", "a" * 250, "q1[z", "s", "s/b"]


def test_a_pattern_of_many_depths_is_refused_and_as_a_rule_it_is_told(
    code: CodeManager, folder: Path, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write({"a.py": ""})
    deep = "**/x/" * 4 + "a.py"
    with pytest.raises(Invalid, match=r"more than 3 times '\*\*'"):
        code.list("demo", ".", deep)
    (folder / ".gitignore").write_text(f"{deep}\n")
    with caplog.at_level(logging.WARNING, "att"):
        assert paths(code) == [".gitignore", "a.py"]
    assert deep in caplog.text


def test_an_ignore_file_that_is_a_pipe_is_none(code: CodeManager, folder: Path, write: Write) -> None:
    write({"a.py": ""})
    os.mkfifo(folder / ".gitignore")
    assert "a.py" in paths(code)
    both = os.open(folder / ".gitignore", os.O_RDWR)  # a writer that says nothing
    try:
        assert "a.py" in paths(code)
    finally:
        os.close(both)


def test_pages_give_every_entry_once(code: CodeManager, write: Write) -> None:
    long = "/".join(["n" * 80] * 4)
    write({f"{long}/{n}{'x' * 100}": "" for n in range(7)} | {f"f{n}": "" for n in range(5)} | {"g-a": "", "g/b": ""})
    whole = [found.path for found in code.list("demo").files]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = code.list("demo", cursor=cursor, limit=3)
        seen += [found.path for found in page.files]
        cursor = page.cursor
        assert cursor is not None
        assert len(cursor) <= 200
        if not page.has_more:
            break
    assert seen == whole
    assert code.list("demo", cursor=cursor).files == []


def test_a_page_goes_on_where_files_come_and_go(code: CodeManager, folder: Path, write: Write) -> None:
    write({f"f{n}": "" for n in range(6)})
    page = code.list("demo", limit=3)
    (folder / "f2").unlink()
    write({"f0a": "", "f3a": ""})
    assert [f.path for f in code.list("demo", cursor=page.cursor).files] == ["f3", "f3a", "f4", "f5"]


@pytest.mark.parametrize("cursor", ["x", "1:2", "-1:0:a", "1:0:", "1:0:" + "a" * 180, "²:0:a"])
def test_a_foreign_cursor_is_invalid(code: CodeManager, cursor: str) -> None:
    with pytest.raises(Invalid, match="cursor"):
        code.list("demo", cursor=cursor)


def test_a_place_knows_what_comes_before_it() -> None:
    place = Place().next("b/c")
    assert [place.relation(path) for path in ("a", "b", "b/b", "b/c", "b/c/d", "b-", "c")] == [-1, -1, -1, 0, 1, 1, 1]
    assert [place.skips_folder(path) for path in ("a", "b", "b/b", "b/c", "c")] == [True, False, True, False, False]


@pytest.mark.parametrize("where", ["..", "/etc", "a/../..", "out", "out/ssh", ".git", "a/.GIT"])
def test_folders_outside_are_refused(code: CodeManager, folder: Path, write: Write, where: str) -> None:
    write({"a/b": ""})
    (folder / "out").symlink_to("/etc")
    with pytest.raises(PermissionDenied):
        code.list("demo", where)


def test_links_are_shown_and_not_entered(code: CodeManager, folder: Path, write: Write) -> None:
    write({"a/b": ""})
    (folder / "loop").symlink_to(".")
    (folder / "out").symlink_to("/etc")
    assert paths(code) == ["a", "a/b", "loop", "out"]


def test_what_is_missing_is_said(code: CodeManager, folder: Path) -> None:
    with pytest.raises(NotFound):
        code.list("demo", "none")
    with pytest.raises(NotFound, match="no folder"):
        code.list("bare")
    folder.rmdir()
    with pytest.raises(NotFound, match="does not exist"):
        code.list("demo")


def test_names_that_are_not_text_and_special_files_are_passed_over(code: CodeManager, folder: Path) -> None:
    (folder / os.fsdecode(b"\xff")).touch()
    os.mkfifo(folder / "pipe")
    (folder / "a").touch()
    assert paths(code) == ["a"]


def test_a_folder_that_may_not_be_read_hides_only_itself(code: CodeManager, write: Write, folder: Path) -> None:
    write({"a/b": "", "c": ""})
    (folder / "a").chmod(0)
    try:
        with without_root_rights():
            with pytest.raises(PermissionError):
                list((folder / "a").iterdir())
            assert paths(code) == ["a", "c"]
    finally:
        (folder / "a").chmod(0o755)
    assert paths(code) == ["a", "a/b", "c"]


def test_a_linked_ignore_file_is_not_followed(code: CodeManager, folder: Path, tmp_path: Path, write: Write) -> None:
    (tmp_path / "rules").write_text("*\n")
    write({"a": ""})
    (folder / ".gitignore").symlink_to(tmp_path / "rules")
    assert "a" in paths(code)
    assert IgnoreRules.above(folder) == IgnoreRules()
