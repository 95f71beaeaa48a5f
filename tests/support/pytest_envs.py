"""Virtual environments with the pytest versions that the plugin must work in, built once under `.cache/envs`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.environments import cached_python

__all__ = ["ENVIRONMENTS", "PytestEnvironment", "environment_python"]


@dataclass(frozen=True)
class PytestEnvironment:
    """Pinned requirements, and the Python versions to look for, best first; this Python is always good enough."""

    name: str
    requirements: tuple[str, ...]
    pythons: tuple[str, ...] = ()


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        PytestEnvironment(
            "pytest62",
            (
                "pytest==6.2.5",
                "pytest-xdist==2.5.0",
                "pytest-rerunfailures==10.3",
                "pytest-subtests==0.5.0",
                "pytest-timeout==2.1.0",
            ),
            ("3.8", "3.9", "3.10"),
        ),
        PytestEnvironment(
            "pytest74",
            (
                "pytest==7.4.4",
                "pytest-xdist==3.5.0",
                "pytest-rerunfailures==13.0",
                "pytest-subtests==0.11.0",
                "pytest-timeout==2.3.1",
            ),
            ("3.10",),
        ),
        PytestEnvironment(
            "pytest84",
            (
                "pytest==8.4.2",
                "pytest-xdist==3.8.0",
                "pytest-rerunfailures==16.1",
                "pytest-subtests==0.15.0",
                "pytest-timeout==2.4.0",
            ),
        ),
        PytestEnvironment(
            "pytest9",
            ("pytest==9.2.0", "pytest-xdist==3.8.0", "pytest-rerunfailures==16.7", "pytest-timeout==2.4.0"),
            ("3.13", "3.12"),
        ),
    )
}


def environment_python(name: str) -> Path:
    """Return the interpreter of an environment, building it first if this machine has not got it."""
    environment = ENVIRONMENTS[name]
    return cached_python(name, environment.requirements, environment.pythons)
