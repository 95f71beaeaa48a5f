from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from att.code import diffing, manager
from att.code.folder import Folder
from att.code.gitprogram import Git, GitFailed
from att.code.manager import CodeManager
from att.errors import NotFound, NotSupported, PermissionDenied, TimedOut
from tests.code.conftest import Write


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("[user]\nname = A\nemail = a@example.org\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")


@pytest.fixture
def tree(folder: Path, write: Write) -> Path:
    """The project as a work tree with one commit."""
    write({"a.txt": "one\ntwo\n", "sub/b.txt": "b\n", ".gitignore": "*.log\n"})
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def test_changed_staged_deleted_and_new_files_are_in_the_diff(code: CodeManager, tree: Path, write: Write) -> None:
    write({"a.txt": "one\n2\n", "new file": "new\n", "staged": "s\n", "x.log": "ignored\n", "blob": b"\0\1"})
    git(tree, "add", "staged")
    (tree / "sub/b.txt").unlink()
    before = (tree / ".git/index").read_bytes()
    diff = code.diff("demo")
    assert sorted(diff.files) == ["a.txt", "blob", "new file", "staged", "sub/b.txt"]
    assert "-two\n+2\n" in diff.diff
    assert "+++ b/new file\t\n@@ -0,0 +1 @@\n+new\n" in diff.diff
    assert "Binary files /dev/null and b/blob differ" in diff.diff
    assert "deleted file mode" in diff.diff
    assert not diff.truncated
    assert (tree / ".git/index").read_bytes() == before
    git(tree, "status")


def test_a_diff_can_be_applied(code: CodeManager, tree: Path, tmp_path: Path, write: Write) -> None:
    write({"a.txt": "one\n2\n", "new": "n\n"})
    (tmp_path / "patch").write_text(code.diff("demo").diff)
    git(tmp_path, "clone", "--quiet", str(tree), "copy")
    git(tmp_path / "copy", "apply", str(tmp_path / "patch"))
    assert (tmp_path / "copy/a.txt").read_text() == "one\n2\n"
    assert (tmp_path / "copy/new").read_text() == "n\n"


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(code: CodeManager, tree: Path, write: Write) -> None:
    git(tree, "config", "core.trustctime", "false")
    moment = (1_000_000_000 * 10**9,) * 2
    os.utime(tree / "a.txt", ns=moment)
    git(tree, "update-index", "--refresh")
    write({"a.txt": "ONE\nTWO\n"})
    for file in (tree / "a.txt", tree / ".git/index"):
        os.utime(file, ns=moment)
    assert code.diff("demo").files == ["a.txt"]


def test_a_clean_tree_has_no_diff(code: CodeManager, tree: Path) -> None:
    diff = code.diff("demo")
    assert (diff.base, diff.diff, diff.files) == ("HEAD", "", [])


def test_another_base_and_a_path_narrow(code: CodeManager, tree: Path, write: Write) -> None:
    write({"a.txt": "2\n", "sub/b.txt": "B\n", "sub/:(top)": "x\n"})
    git(tree, "commit", "--quiet", "-am", "second")
    assert sorted(code.diff("demo", "HEAD~1").files) == ["a.txt", "sub/:(top)", "sub/b.txt"]
    assert sorted(code.diff("demo", "HEAD~1", "sub").files) == ["sub/:(top)", "sub/b.txt"]
    assert code.diff("demo", "HEAD", "sub/:(top)").files == ["sub/:(top)"]
    with pytest.raises(NotFound, match="nowhere"):
        code.diff("demo", "nowhere")
    with pytest.raises(PermissionDenied):
        code.diff("demo", "HEAD", "../x")


def test_before_the_first_commit_everything_is_new(code: CodeManager, folder: Path, write: Write) -> None:
    write({"a.txt": "a\n"})
    git(folder, "init", "--quiet")
    assert code.diff("demo").files == ["a.txt"]


def test_a_project_inside_a_larger_repository_sees_itself_alone(
    code: CodeManager, folder: Path, tmp_path: Path, write: Write
) -> None:
    write({"a.txt": "a\n"})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "code")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    (tmp_path / "outside.txt").write_text("x\n")
    write({"a.txt": "b\n", "c.txt": "c\n"})
    assert sorted(code.diff("demo").files) == ["a.txt", "c.txt"]


def test_a_large_diff_is_cut_after_a_line(
    code: CodeManager, tree: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "_DIFF_BYTES", 10_000)
    write({"big": "a line of text\n" * 10_000})
    diff = code.diff("demo")
    assert diff.truncated
    assert len(diff.diff) <= 10_000
    assert diff.diff.endswith("text\n")
    assert diff.files == ["big"]


def test_a_repository_below_is_not_entered(code: CodeManager, tree: Path, write: Write) -> None:
    write({"inner/x": "x\n"})
    git(tree / "inner", "init", "--quiet")
    assert code.diff("demo").files == []


def test_a_folder_without_git_is_not_supported(code: CodeManager, folder: Path) -> None:
    with pytest.raises(NotSupported, match="not in a git work tree"):
        code.diff("demo")


def test_a_work_tree_elsewhere_is_refused(code: CodeManager, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").write_text("s\n")
    git(tree, "config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(NotSupported):
        code.diff("demo")


PROGRAMS = {
    "fsmonitor": [("core.fsmonitor", "{}")],
    "external": [("diff.external", "{}")],
    "driver": [("diff.x.command", "{}")],
    "textconv": [("diff.x.textconv", "{}")],
    "clean": [("filter.x.clean", "{}"), ("filter.x.required", "true")],
    "process": [("filter.x.process", "{}")],
    "pager": [("core.pager", "{}"), ("pager.diff", "{}")],
    "hooks": [("core.hooksPath", "{}.d")],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_program_of_the_repository_is_run(
    code: CodeManager, tree: Path, tmp_path: Path, write: Write, name: str
) -> None:
    evil, script = tmp_path / "evil", tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {evil}\ncat\n")
    script.chmod(0o755)
    (tmp_path / "script.d").mkdir()
    for hook in ("post-index-change", "pre-commit", "fsmonitor-watchman"):
        (tmp_path / "script.d" / hook).symlink_to(script)
    (tree / ".git/info/attributes").write_text("* filter=x diff=x\n")
    for key, value in PROGRAMS[name]:
        git(tree, "config", key, value.format(script))
    write({"a.txt": "changed\n", "new": "n\n"})
    assert sorted(code.diff("demo").files) == ["a.txt", "new"]
    assert not evil.exists()


def test_git_that_does_not_answer_is_ended(tree: Path) -> None:
    git_there = Git(tree)
    with pytest.raises(TimedOut):
        git_there.run("-c", "alias.hang=!sleep 60", "hang", timeout=0.3)


def test_a_failure_says_what_git_said(tree: Path) -> None:
    with pytest.raises(GitFailed, match="fatal: ambiguous argument"):
        Git(tree).run("log", "nowhere..also")


def test_variables_of_the_server_do_not_redirect_git(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    assert diffing.compare(Folder(tree), "HEAD", None, 1000).files == []
