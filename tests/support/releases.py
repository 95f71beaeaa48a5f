"""ATT as another release would be: a copy of this checkout that says other versions of itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.labextension import ROOT

__all__ = ["release"]

_LEFT_OUT = shutil.ignore_patterns("labextension", "__pycache__")


def release(folder: Path, *, version: str, api_version: str | None = None) -> Path:
    """Write the release into `folder`; a Python whose PYTHONPATH begins with it runs that one."""
    for package in ("att", "jupyter_ext"):
        shutil.copytree(ROOT / package, folder / package, ignore=_LEFT_OUT)
    facts = folder / f"jupyter_att-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: jupyter-att\nVersion: {version}\n")
    if api_version is not None:
        models = folder / "att" / "system" / "models.py"
        code = models.read_text()
        assert 'API_VERSION = "1.0"' in code
        models.write_text(code.replace('API_VERSION = "1.0"', f'API_VERSION = "{api_version}"'))
    return folder
