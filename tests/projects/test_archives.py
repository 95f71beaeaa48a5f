from __future__ import annotations

import io
import os
import random
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from att.errors import ATTError, Invalid, PermissionDenied, TooLarge
from att.projects import archives
from att.projects.archives import Unpacked, unpack
from tests.projects.making import tar_bytes, zip_bytes

LIMIT = 64 * 1024 * 1024


def unpacked(tmp_path: Path, data: bytes, limit: int = LIMIT) -> tuple[Path, Unpacked]:
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    target = tmp_path / "outer" / "target"
    return target, unpack(archive, target, limit)


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, target, mode
    return made


def zip_link(*links: tuple[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, target in links:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
    return made.getvalue()


def outside(tmp_path: Path) -> list[str]:
    """Return what exists outside the target."""
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")}
    return sorted(p for p in found if p not in ("archive", "outer") and not p.startswith("outer/target"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_with_its_links_and_execute_bits(tmp_path: Path, mode: str) -> None:
    data = tar_bytes(
        (info("src/run.sh", mode=0o4755), b"echo"),
        (info("src/latest", tarfile.SYMTYPE, "run.sh"), b""),
        (info("copy.sh", tarfile.LNKTYPE, "src/run.sh"), b""),
        (info("empty", tarfile.DIRTYPE), b""),
        mode=mode,
    )
    target, done = unpacked(tmp_path, data)
    assert (target / "src/latest").resolve() == target / "src/run.sh"
    assert (target / "copy.sh").read_text() == "echo"
    assert (target / "empty").is_dir()
    assert stat.S_IMODE((target / "src/run.sh").stat().st_mode) & 0o7111 == 0o0111
    assert done == Unpacked(files=4, size_bytes=8)


def test_a_zip_is_unpacked(tmp_path: Path) -> None:
    target, done = unpacked(tmp_path, zip_bytes({"a/b.txt": "hello", "c.txt": "x"}))
    assert (target / "a/b.txt").read_text() == "hello"
    assert done == Unpacked(files=2, size_bytes=6)


def test_one_folder_around_everything_is_left_out(tmp_path: Path) -> None:
    data = tar_bytes(
        (info("name-0a1b2c/", tarfile.DIRTYPE), b""),
        (info("name-0a1b2c/name-0a1b2c/app.py"), b"app"),
        (info("name-0a1b2c/bin/run", tarfile.SYMTYPE, "../name-0a1b2c/app.py"), b""),
        (info("name-0a1b2c/top", tarfile.SYMTYPE, "bin"), b""),
        (info("name-0a1b2c/README"), b"read"),
    )
    target, done = unpacked(tmp_path, data)
    assert sorted(path.name for path in target.iterdir()) == ["README", "bin", "name-0a1b2c", "top"]
    assert (target / "top/run").read_text() == "app"
    assert done == Unpacked(files=5, size_bytes=7)


@pytest.mark.parametrize(
    "beside",
    [info("other"), info("empty", tarfile.DIRTYPE), info("link", tarfile.SYMTYPE, "name/a")],
    ids=["file", "folder", "link"],
)
def test_a_folder_with_something_beside_it_stays(tmp_path: Path, beside: tarfile.TarInfo) -> None:
    data = tar_bytes((info("name/a"), b"a"), (beside, b""))
    assert (unpacked(tmp_path, data)[0] / "name/a").read_text() == "a"


def test_a_link_that_leads_out_once_the_folder_is_left_out_is_refused(tmp_path: Path) -> None:
    data = tar_bytes((info("name/a"), b"a"), (info("name/up", tarfile.SYMTYPE, ".."), b""))
    with pytest.raises(PermissionDenied, match="leads out"):
        unpacked(tmp_path, data)
    assert outside(tmp_path) == []


HOSTILE: dict[str, Callable[[], bytes]] = {
    "zip_parent": lambda: zip_bytes({"../evil": "x"}),
    "zip_deep_parent": lambda: zip_bytes({"a/../../evil": "x"}),
    "zip_absolute": lambda: zip_bytes({"/tmp/att-evil": "x"}),
    "zip_backslash": lambda: zip_bytes({"..\\evil": "x"}),
    "zip_link_out": lambda: zip_link(("link", "../..")),
    "zip_link_absolute": lambda: zip_link(("link", "/etc")),
    "zip_links_that_bend_each_other": lambda: zip_link(("far", "x/.."), ("x", ".")),
    "tar_parent": lambda: tar_bytes((info("../evil"), b"x")),
    "tar_absolute": lambda: tar_bytes((info("/tmp/att-evil"), b"x")),
    "tar_link_out": lambda: tar_bytes((info("link", tarfile.SYMTYPE, "../../.."), b"")),
    "tar_link_absolute": lambda: tar_bytes((info("link", tarfile.SYMTYPE, "/etc/passwd"), b"")),
    "tar_hardlink_out": lambda: tar_bytes((info("link", tarfile.LNKTYPE, "../../archive"), b"")),
    "tar_links_that_bend_each_other": lambda: tar_bytes(
        (info("far", tarfile.SYMTYPE, "x/.."), b""), (info("x", tarfile.SYMTYPE, "."), b"")
    ),
    "tar_device": lambda: tar_bytes((info("null", tarfile.CHRTYPE), b"")),
    "tar_pipe": lambda: tar_bytes((info("pipe", tarfile.FIFOTYPE), b"")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PermissionDenied):
        unpacked(tmp_path, HOSTILE[name]())
    assert outside(tmp_path) == []
    assert not Path("/tmp/att-evil").exists()
    assert not [p for p in (tmp_path / "outer").rglob("*") if p.is_symlink()]


def test_nothing_is_written_through_a_link_of_the_same_archive(tmp_path: Path) -> None:
    data = tar_bytes((info("link", tarfile.SYMTYPE, ".."), b""), (info("link/evil"), b"x"))
    with pytest.raises(ATTError):
        unpacked(tmp_path, data)
    assert outside(tmp_path) == []


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        unpacked(tmp_path, tar_bytes((info("a"), b"1"), (info("a"), b"2")))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path, kind: str) -> None:
    zeros = bytes(40 * 1024 * 1024)
    data = zip_bytes({"zeros": zeros}) if kind == "zip" else tar_bytes((info("zeros"), zeros))
    with pytest.raises(TooLarge, match="times its size"):
        unpacked(tmp_path, data)
    assert (tmp_path / "outer/target/zeros").stat().st_size <= 17 * 1024 * 1024


def test_the_total_size_is_counted_and_not_believed(tmp_path: Path) -> None:
    noise = os.urandom(300_000)
    with pytest.raises(TooLarge, match="500000 bytes"):
        unpacked(tmp_path, zip_bytes({"a": noise, "b": noise}), limit=500_000)


def test_an_oversized_header_is_stopped(tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a")
        member.pax_headers = {"comment": "x" * 20_000_000}
        archive.addfile(member)
    with pytest.raises(TooLarge):
        unpacked(tmp_path, made.getvalue(), limit=1_000_000)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 10)
    with pytest.raises(TooLarge, match="10 files"):
        unpacked(tmp_path, zip_bytes({f"f{n}": "" for n in range(11)}))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_a_truncated_archive_says_so(tmp_path: Path, mode: str) -> None:
    whole = _noisy(mode)
    with pytest.raises(Invalid, match="damaged or truncated"):
        unpacked(tmp_path, whole[: len(whole) // 2])


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "zip"])  # a plain tar has no checksum over its content
def test_a_damaged_archive_says_so(tmp_path: Path, mode: str) -> None:
    whole = _noisy(mode)
    half = len(whole) // 2
    with pytest.raises(Invalid, match="damaged or truncated"):
        unpacked(tmp_path, whole[:half] + bytes(64) + whole[half + 64 :])


def _noisy(mode: str) -> bytes:
    noise = os.urandom(200_000)
    return zip_bytes({"noise": noise}) if mode == "zip" else tar_bytes((info("noise"), noise), mode=mode)


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>" * 100, b"\x7fELF" + bytes(1000)])
def test_what_is_no_archive_is_invalid(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Invalid, match="no archive"):
        unpacked(tmp_path, data)


def test_an_encrypted_zip_is_invalid(tmp_path: Path) -> None:
    data = bytearray(zip_bytes({"a": "secret"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Invalid, match="encrypted"):
        unpacked(tmp_path, bytes(data))


def test_no_damage_ends_in_another_error_or_outside(tmp_path: Path) -> None:
    chance = random.Random(7)
    seeds = [zip_bytes({"a/b": "hello" * 100, "c": "c"}), zip_link(("x", "y"), ("z", "."))]
    seeds += [
        tar_bytes(
            (info("a/b"), b"hello"), (info("l", tarfile.SYMTYPE, "a/b"), b""), (info("\u00e9" * 80), b"z"), mode=mode
        )
        for mode in ("w", "w:gz", "w:bz2", "w:xz")
    ]
    told = set()
    for _ in range(400):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice([1, 2, 5, 20])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            unpacked(tmp_path, bytes(data))
        except ATTError as error:
            told.add(error.code)
        assert outside(tmp_path) == []
        shutil.rmtree(tmp_path / "outer", ignore_errors=True)
    assert told == {"invalid", "permission_denied"}
