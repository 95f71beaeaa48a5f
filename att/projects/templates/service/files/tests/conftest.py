"""Makes the service importable, and runs one for the tests that need it."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="session")
def service_url():
    """Start the service on a free port, and stop it at the end."""
    command = [sys.executable, str(FOLDER / "service.py"), "--port", "0"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in running.stderr:
            found = re.search(r"listening on (\S+)", line)
            if found:
                yield found[1]
                break
    finally:
        running.terminate()
        running.wait(10)
        running.stderr.close()


@pytest.fixture
def get(service_url):
    """Return what the service answers to a path."""

    def ask(path):
        with urllib.request.urlopen(service_url + path, timeout=5) as answer:
            return answer.read().decode()

    return ask
