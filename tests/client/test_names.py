"""Names that no file can have are refused wherever somebody gives one, and are no defect of ATT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from att.client.session import Session
from att.errors import Invalid
from tests.client.conftest import NewId

TOO_LONG, CUT, HALF = "x" * 300, "a\0b", "\ud800"


@pytest.mark.parametrize("given", [TOO_LONG, CUT, HALF], ids=["too-long", "cut-by-nul", "half-a-character"])
@pytest.mark.parametrize("field", ["targets", "suite"])
def test_tests_of_such_a_name_are_not_run(s: Session, new_id: NewId, folder: Path, given: str, field: str) -> None:
    p = s.project(new_id(), path=str(folder))
    wanted: dict[str, Any] = {field: [given] if field == "targets" else given}
    with pytest.raises(Invalid):
        s.call("test.run", {"project": p.id, **wanted})


@pytest.mark.parametrize("given", [TOO_LONG, CUT, HALF], ids=["too-long", "cut-by-nul", "half-a-character"])
def test_a_project_is_not_made_in_a_folder_of_such_a_name(s: Session, new_id: NewId, folder: Path, given: str) -> None:
    with pytest.raises(Invalid):
        s.call("project.create", {"id": new_id(), "template": "service", "path": str(folder / given)})
