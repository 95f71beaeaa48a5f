"""Where an export lies: a folder of this machine, or a URL of a store that fsspec knows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from att.errors import Invalid, NotFound, NotSupported

if TYPE_CHECKING:
    import pyarrow.fs

__all__ = ["Place", "PlaceName"]

PlaceName = str | Path
"""A folder, or a URL such as `s3://bucket/history`."""

_MARKER = "_att_history.json"


@dataclass(frozen=True)
class Place:
    """A folder in a file system, with what an export needs of it."""

    name: str
    """As it was given."""
    files: pyarrow.fs.FileSystem
    root: str

    @classmethod
    def of(cls, name: PlaceName) -> Place:
        """Return the place; a URL needs fsspec and its own package (`s3fs`, `gcsfs`, ...).

        Raises `NotSupported` with the pip line when one of them is missing.
        """
        from pyarrow import fs

        if "://" not in str(name):
            return cls(str(name), fs.LocalFileSystem(), str(Path(name).expanduser().absolute()))
        try:
            import fsspec
        except ImportError as error:
            raise NotSupported("A URL is read and written with fsspec: pip install fsspec") from error
        try:
            store, path = fsspec.core.url_to_fs(str(name))
        except (ImportError, ValueError) as error:  # fsspec names the package to install
            raise NotSupported(f"{name} cannot be opened: {error}") from error
        return cls(str(name), fs.PyFileSystem(fs.FSSpecHandler(store)), path.rstrip("/"))

    def path(self, *parts: str) -> str:
        """Return the path of something in the place."""
        return "/".join((self.root, *parts))

    def parquet_files(self, kind: str) -> list[str]:
        """Return the paths of one frame's files, sorted."""
        from pyarrow import fs

        found = self.files.get_file_info(fs.FileSelector(self.path(kind), allow_not_found=True, recursive=True))
        return sorted(info.path for info in found if info.is_file and info.path.endswith(".parquet"))

    def read_marker(self) -> dict[str, Any] | None:
        """Return what an export says about itself, or None where there is none."""
        if not self.files.get_file_info(self.path(_MARKER)).is_file:
            return None
        with self.files.open_input_stream(self.path(_MARKER)) as stream:
            marker: dict[str, Any] = json.loads(stream.read())
        return marker

    def require_marker(self) -> dict[str, Any]:
        """Return what an export says about itself; raise `NotFound` where there is none."""
        if (marker := self.read_marker()) is None:
            raise NotFound(f"There is no exported history in {self.name}; write one with h.to_parquet({self.name!r}).")
        return marker

    def write_marker(self, marker: dict[str, Any]) -> None:
        """Say what the export is; raise `Invalid` where a file is in the way."""
        if self.files.get_file_info(self.root).is_file:
            raise Invalid(f"{self.name} is a file; a history is written into a folder, name one.")
        self.files.create_dir(self.root, recursive=True)
        with self.files.open_output_stream(self.path(_MARKER)) as stream:
            stream.write(json.dumps(marker).encode())
