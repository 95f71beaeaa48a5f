"""On which commit a run ran, and whether the work tree was that commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from att.code.gitprogram import Git
from att.testing.provenance import Commit, commit_of


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    """A work tree that equals its commit."""
    files = {"tests/test_a.py": "def test_a(): pass\n", ".gitignore": "*.log\nbuild/\n"}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "trunk"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "dirty"),
    [
        ([], False),
        (["tests/test_new.py"], True),
        (["conftest.py"], True),
        (["tests/test_a.py"], True),
        (["results.xml", ".coverage", "tests/data.json"], False),
        (["build/made.py", "run.log"], False),
        (["env/pyvenv.cfg", "env/lib/site.py"], False),
        (["env/pyvenv.cfg", "environment.py"], True),
    ],
)
def test_a_work_tree_with_other_python_than_its_commit_is_dirty(work_tree: Path, files: list[str], dirty: bool) -> None:
    for name in files:
        path = work_tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# new\n")

    found = commit_of(work_tree, Git)

    assert (found.branch, found.dirty, found.commit is not None) == ("trunk", dirty, True)


def test_a_project_below_the_top_sees_its_own_new_files(work_tree: Path) -> None:
    (work_tree / "other").mkdir()
    (work_tree / "other" / "new.py").touch()
    assert commit_of(work_tree / "tests", Git).dirty is False
    (work_tree / "tests" / "conftest.py").touch()
    assert commit_of(work_tree / "tests", Git).dirty is True


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path, Git) == Commit()
