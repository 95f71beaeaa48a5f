"""Explain the end of any program from its exit record and its last lines: what went wrong, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import Match

from att.runtime.models import Diagnosis, ExitRecord

__all__ = ["Scene", "explain"]

_PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Modules whose distribution has another name."""


@dataclass(frozen=True)
class Scene:
    """Where it happened: the project's Python and folder, and its port."""

    python: str
    cwd: Path
    port: int | None = None


Explain = Callable[[Match[str], Scene], tuple[str, str]]


def explain(exit_record: ExitRecord | None, lines: Sequence[str], scene: Scene) -> Diagnosis | None:
    """Return the first explanation that fits: memory, what the lines say, the signal, the exit code.

    A stop that was asked for, and a good end, need none.
    """
    if exit_record is not None and exit_record.oom_killed:
        return Diagnosis(
            summary="The kernel killed it because memory ran out.",
            remedy="Give it less to do at once, or the machine or container more memory.",
        )
    if exit_record is not None and (exit_record.requested or exit_record.code == 0):
        return None
    return _from_lines(lines, scene) or _from_exit(exit_record, lines)


def _from_lines(lines: Sequence[str], scene: Scene) -> Diagnosis | None:
    for pattern, text in _RULES:
        for number in range(len(lines) - 1, -1, -1):
            match = pattern.search(lines[number])
            if match is not None:
                summary, remedy = text(match, scene)
                return Diagnosis(summary=summary, remedy=remedy, evidence=_evidence(lines, number))
    return None


def _evidence(lines: Sequence[str], number: int) -> list[str]:
    """Return the line, and for a Python error the place in the code that its traceback names last."""
    places = [line for line in lines[max(0, number - 12) : number] if line.lstrip().startswith("File ")]
    return [*places[-1:], lines[number]]


def _port_in_use(_match: Match[str], scene: Scene) -> tuple[str, str]:
    port = f"Port {scene.port}" if scene.port else "Its port"
    return (
        f"{port}, or another that it listens on, is in use.",
        "Stop the program that listens there, or use '{port}' in the command to get a free one.",
    )


def _missing_module(match: Match[str], scene: Scene) -> tuple[str, str]:
    module = match[1].partition(".")[0]
    if (scene.cwd / module).is_dir() or (scene.cwd / f"{module}.py").is_file() or (scene.cwd / "src" / module).is_dir():
        return (
            f"The project's own module {match[1]!r} was not found.",
            f"Install the project ({scene.python} -m pip install -e {scene.cwd}), run it with -m, or set PYTHONPATH.",
        )
    package = _PACKAGES.get(module, module)
    return f"The Python module {match[1]!r} is missing.", f"{scene.python} -m pip install {package}"


def _import_error(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return f"An import failed: {match[1]}.", "Check the installed version of that package against what the code needs."


def _syntax_error(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return f"The code cannot be read: {match[0]}.", "Correct the file and line that the traceback names."


def _no_script(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return f"Python cannot open the file {match[1]!r}.", "Correct the file name in the command, or the project's path."


def _shell_missing(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return f"A program was not found: {match[0].strip()}", "Install it, or add its folder to PATH in the environment."


def _permission(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return (
        f"It was not allowed to do something: {match[0].strip()}",
        "Change the owner or mode of that file, or use a port above 1023.",
    )


def _missing_file(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return (
        f"A file is missing: {match[1]}.",
        "Create it, or correct the path; relative ones start at the project's folder.",
    )


def _memory(_match: Match[str], _scene: Scene) -> tuple[str, str]:
    return "It ran out of memory.", "Give it less to do at once, or the machine more memory."


def _exception(match: Match[str], _scene: Scene) -> tuple[str, str]:
    return f"It ended with {match[0].strip()}", "Look at the traceback in the last lines."


_RULES: tuple[tuple[re.Pattern[str], Explain], ...] = (
    (re.compile(r"[Aa]ddress already in use|EADDRINUSE|\[Errno (?:98|48)\]"), _port_in_use),
    (
        re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'|: No module named ([\w.]+)$"),
        lambda m, s: _module(m, s),
    ),
    (re.compile(r"ImportError: (.+)$"), _import_error),
    (re.compile(r"(?:SyntaxError|IndentationError|TabError): .+"), _syntax_error),
    (re.compile(r"can't open file '([^']+)'"), _no_script),
    (re.compile(r"^(?:\S+: )+(?:line \d+: )?\S+: (?:command )?not found$"), _shell_missing),
    (re.compile(r"^MemoryError|bad_alloc|JavaScript heap out of memory|Cannot allocate memory"), _memory),
    (re.compile(r"PermissionError: .+|EACCES.*|.*: Permission denied$"), _permission),
    (re.compile(r"FileNotFoundError: .*No such file or directory: (.+)$"), _missing_file),
    (re.compile(r"^(?:[\w]+\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)\b(?:: .*)?$"), _exception),
)
"""From the surest sign to the most general one; of equal signs the last line counts."""


def _module(match: Match[str], scene: Scene) -> tuple[str, str]:
    name = match[1] or match[2]
    return _missing_module(re.match(r"(.*)", name) or match, scene)


_SIGNALS = {
    "SIGSEGV": ("It crashed in native code: invalid memory access.", "Set PYTHONFAULTHANDLER=1 to see where."),
    "SIGBUS": ("It crashed in native code: bus error.", "Set PYTHONFAULTHANDLER=1; is a disk or /dev/shm full?"),
    "SIGILL": ("It used an instruction that this CPU lacks.", "Install packages that are built for this machine."),
    "SIGFPE": ("It crashed in native arithmetic.", "Set PYTHONFAULTHANDLER=1 to see where."),
    "SIGABRT": ("It aborted itself.", "Look at the last lines for the assertion or library that did it."),
    "SIGKILL": ("Somebody killed it, and not through ATT.", "A memory limit, a person or a script; look there."),
    "SIGXCPU": ("It used up its CPU time limit.", "Raise the limit (ulimit -t)."),
    "SIGXFSZ": ("It wrote a file over its size limit.", "Raise the limit (ulimit -f)."),
}


def _from_exit(exit_record: ExitRecord | None, lines: Sequence[str]) -> Diagnosis | None:
    if exit_record is None:
        return None
    evidence = [line for line in lines if line.strip()][-3:]
    if exit_record.signal is not None:
        name = exit_record.signal_name or str(exit_record.signal)
        # The exit record names the signal; it stands beside.
        summary, remedy = _SIGNALS.get(name, ("A signal ended it, and not through ATT.", "Find out who sent it."))
        return Diagnosis(summary=summary, remedy=remedy, evidence=evidence)
    if exit_record.code is None:
        return Diagnosis(
            summary="Its end was not seen: the process that looked after it was killed, or the machine restarted.",
            remedy="Start it again; restart='on_failure' does that by itself.",
            evidence=evidence,
        )
    return Diagnosis(
        summary=f"It ended by itself with exit code {exit_record.code}.",
        remedy="Look at the last lines of its output.",
        evidence=evidence,
    )
