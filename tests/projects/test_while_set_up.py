"""A project that is still being made is not started."""

from __future__ import annotations

from pathlib import Path

import pytest

import att


def test_a_project_that_is_being_set_up_is_not_started(tmp_path: Path) -> None:
    with att.connect(embedded=True, data_dir=tmp_path / "data") as session:
        session.projects.create("echo", template="nat-echo", path=str(tmp_path / "echo"), wait=False)
        project = session.project("echo")
        with pytest.raises(att.Busy, match="being set up"):
            project.runtime.start()
        assert project.cancel_setup().state == "cancelled"
        project.delete()
