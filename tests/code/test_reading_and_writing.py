from __future__ import annotations

import base64
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from att.code.folder import Folder
from att.code.manager import CodeManager
from att.errors import ATTError, Conflict, Invalid, NotFound, PermissionDenied, TooLarge
from att.events.manager import EventLog
from tests.code.conftest import Write


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "utf-8"),
        ("grün\r\n\u20ac".encode(), "utf-8"),
        (b"\xef\xbb\xbfx", "utf-8"),
        (b"\x00a", "utf-8"),
        (b"\xff\xfe\x00", "base64"),
    ],
)
def test_what_is_read_can_be_written_back_byte_for_byte(
    code: CodeManager, folder: Path, write: Write, data: bytes, encoding: str
) -> None:
    write({"a/f": data})
    read = code.read("demo", "a/f")
    assert (read.encoding, read.size_bytes, read.hash) == (encoding, len(data), digest(data))
    assert (base64.b64decode(read.content) if encoding == "base64" else read.content.encode()) == data
    (folder / "a/f").write_bytes(b"other")
    other = code.read("demo", "a/f").hash
    written = code.write("demo", "a/f", read.content, encoding=read.encoding, expected_hash=other)
    assert (folder / "a/f").read_bytes() == data
    assert (written.hash, written.created) == (read.hash, False)


def test_a_new_file_is_made_with_its_folders(code: CodeManager, folder: Path, events: EventLog) -> None:
    written = code.write("demo", "new/deep/f.txt", "hi")
    assert (written.path, written.created, written.size_bytes) == ("new/deep/f.txt", True, 2)
    assert (folder / "new/deep/f.txt").read_text() == "hi"
    last = events.read(project="demo", kinds=["code.written"]).events[-1]
    assert last.data == {"path": "new/deep/f.txt", "created": True}


def test_a_file_is_written_only_over_what_was_read(code: CodeManager, folder: Path, write: Write) -> None:
    write({"f": "one"})
    read = code.read("demo", "f")
    with pytest.raises(Conflict, match="exists"):
        code.write("demo", "f", "two")
    (folder / "f").write_text("changed")
    with pytest.raises(Conflict, match="changed"):
        code.write("demo", "f", "two", expected_hash=read.hash)
    (folder / "f").unlink()
    with pytest.raises(Conflict, match="gone"):
        code.write("demo", "f", "two", expected_hash=read.hash)
    assert os.listdir(folder) == []  # noqa: PTH208


def test_of_two_writers_one_wins(code: CodeManager, folder: Path, write: Write) -> None:
    write({"f": "0"})
    told: list[str] = []
    barrier = threading.Barrier(8)

    def racing(name: str, expected: str | None, path: str) -> None:
        barrier.wait()
        try:
            code.write("demo", path, name, expected_hash=expected)
        except Conflict:
            return
        told.append(path)

    threads = [threading.Thread(target=racing, args=(f"w{n}", digest(b"0"), "f")) for n in range(4)]
    threads += [threading.Thread(target=racing, args=(f"w{n}", None, "new")) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["f", "new"]
    assert sorted(file.name for file in folder.iterdir()) == ["f", "new"]


def test_the_mode_of_a_file_stays(code: CodeManager, folder: Path, write: Write) -> None:
    write({"run.sh": "a"})
    (folder / "run.sh").chmod(0o751)
    code.write("demo", "run.sh", "b", expected_hash=digest(b"a"))
    assert stat.S_IMODE((folder / "run.sh").stat().st_mode) == 0o751


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "out/passwd", "file", ".git/config", "a/.git/hooks/x", "hidden/config"]
)
def test_nothing_outside_is_read_or_written(
    code: CodeManager, folder: Path, tmp_path: Path, write: Write, path: str
) -> None:
    write({".git/config": "", "a/.git/hooks/x": ""})
    (tmp_path / "x").write_text("secret")
    (folder / "out").symlink_to("/etc")
    (folder / "file").symlink_to("../x")
    (folder / "hidden").symlink_to(".git")
    with pytest.raises(PermissionDenied):
        code.read("demo", path)
    with pytest.raises(PermissionDenied):
        code.write("demo", path, "evil", expected_hash=digest(b"secret"))
    assert (tmp_path / "x").read_text() == "secret"


def test_links_that_stay_inside_are_followed(code: CodeManager, folder: Path, write: Write) -> None:
    write({"real/f": "a"})
    (folder / "alias").symlink_to("real")
    (folder / "f").symlink_to(folder / "real/f")
    assert code.read("demo", "alias/f").content == "a"
    code.write("demo", "f", "b", expected_hash=digest(b"a"))
    assert (folder / "f").is_symlink()
    assert (folder / "real/f").read_text() == "b"


def test_a_link_that_appears_meanwhile_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a/f").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/f").write_text("secret")

    class Swapping(Folder):
        """Swaps the folder for a link between looking and opening."""

        def _walk(self, *arguments: object, **more: object) -> int:
            if not (folder / "a").is_symlink():
                (folder / "a").rename(folder / "was")
                (folder / "a").symlink_to(tmp_path / "other")
            return super()._walk(*arguments, **more)  # type: ignore[arg-type]

    with pytest.raises(ATTError):
        Swapping(folder).open("a/f")


@pytest.mark.parametrize(
    ("path", "error"), [("none", NotFound), ("a", Invalid), ("f/below", NotFound), ("pipe", Invalid), ("a\0b", Invalid)]
)
def test_what_is_no_file_is_said(
    code: CodeManager, folder: Path, write: Write, path: str, error: type[ATTError]
) -> None:
    write({"a/": "", "f": ""})
    os.mkfifo(folder / "pipe")
    with pytest.raises(error):
        code.read("demo", path)


@pytest.mark.parametrize("path", ["a", ".", "f/below", "n" * 300, "loop"])
def test_what_cannot_be_written_is_said(code: CodeManager, folder: Path, write: Write, path: str) -> None:
    write({"a/": "", "f": ""})
    (folder / "loop").symlink_to("loop")
    with pytest.raises((Invalid, NotFound, PermissionDenied)):
        code.write("demo", path, "x")


def test_large_files_are_refused_both_ways(code: CodeManager, folder: Path, write: Write) -> None:
    write({"f": b"x" * 100_000, "g": b"x" * 100_001})
    assert code.read("demo", "f").size_bytes == 100_000
    with pytest.raises(TooLarge):
        code.read("demo", "g")
    with pytest.raises(TooLarge):
        code.write("demo", "new", "x" * 100_001)
    assert not (folder / "new").exists()


def test_content_that_is_not_base64_is_invalid(code: CodeManager) -> None:
    with pytest.raises(Invalid, match="base64"):
        code.write("demo", "f", "%%%", encoding="base64")
