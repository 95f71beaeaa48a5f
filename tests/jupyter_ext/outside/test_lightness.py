"""Loading the extension costs a Jupyter server next to nothing."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("sqlalchemy", "alembic", "pydantic", "pandas", "psutil", "mcp", "httpx", "ipywidgets", "att.workspace")


def test_loading_the_extension_imports_nothing_heavy() -> None:
    program = (
        "import sys, jupyter_server.serverapp; before = set(sys.modules); import jupyter_ext.extension; "
        f"print([name for name in {HEAVY!r} if name in sys.modules and name not in before])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
