"""The history of a project's probes as ticks: colour and shape say how each ended, words say the last."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from att.notebook.markup import Markup, as_shown, empty, old
from att.notebook.panel import Panel
from att.notebook.topics import ProjectTopic, ProjectValue
from att.runtime.models import ProbeResult, RuntimeStatus

if TYPE_CHECKING:
    from att.client.project import ProjectHandle

__all__ = ["HealthStrip"]

_TICKS = 60
_OLD = "As it was when ATT last told."
_WORDS = {"pass": "passed", "fail": "failed", "error": "could not run"}
_SIGNS = {"pass": ("good", "✓"), "fail": ("bad", "✗"), "error": ("odd", "?")}


class HealthStrip(Panel):
    """A row of ticks for each probe: full bars passed, broken bars failed, short hollow ones could not run."""

    names_itself = True

    def __init__(self, project: ProjectHandle) -> None:
        self.strip = Markup("<div class='att-strip att-faint'>Reading…</div>")
        super().__init__(project.session, [self.strip], title=f"Health of {project.id}")
        self.watch(ProjectTopic(project.id), self._draw)

    def _draw(self, value: ProjectValue) -> None:
        if value.status is None:
            self.strip.html = "<div class='att-strip att-faint'>Not reachable.</div>"
            return
        rows = "".join(_row(f"{role} {kind}", found) for (role, kind), found in _grouped(value.probes).items())
        strips = f"<div class='att-strips'>{rows}</div>" if rows else _nothing(value.status)
        if value.error is not None:
            strips = f"{old(strips)}<div class='att-faint att-small'>{_OLD}</div>"
        self.strip.html = strips


def _grouped(results: Sequence[ProbeResult]) -> dict[tuple[str, str], list[ProbeResult]]:
    rows: dict[tuple[str, str], list[ProbeResult]] = {}
    for item in results:
        rows.setdefault((item.role, item.kind), []).append(item)
    return dict(sorted(rows.items(), key=lambda row: ("startup", "readiness", "liveness").index(row[0][0])))


def _row(name: str, results: Sequence[ProbeResult]) -> str:
    shown, last = results[-_TICKS:], results[-1]
    passed = sum(item.result == "pass" for item in shown)
    tone, sign = _SIGNS[last.result]
    said = f"{sign} {_WORDS[last.result]} in {last.milliseconds:.0f} ms"
    label = f"{name} probe: {passed} of the last {len(shown)} passed; the newest {_WORDS[last.result]} {last.detail}"
    ticks = "<i class='att-tick att-tick-none'></i>" * (_TICKS - len(shown)) + "".join(map(_tick, shown))
    why = "" if last.result == "pass" or not last.detail else f" · {as_shown(last.detail)}"
    return (
        f"<div class='att-strip'><span class='att-strip-name'>{escape(name)}</span> "
        f"<span class='att-strip-ticks' role='img' aria-label='{as_shown(label)}'>{ticks}</span>"
        f"<span class='att-strip-last att-{tone}' title='{as_shown(last.detail)}'>{said}{why}</span></div>"
    )


def _tick(item: ProbeResult) -> str:
    told = f"{item.at.astimezone():%H:%M:%S} {_WORDS[item.result]} in {item.milliseconds:.0f} ms {item.detail}".strip()
    return f"<i class='att-tick att-tick-{item.result}' title='{as_shown(told)}'></i>"


def _nothing(status: RuntimeStatus) -> str:
    if status.state == "running" and not status.probes:
        return empty("No probes", "Add some with p.update(probes=[...]); until then running counts as healthy.")
    if status.state in ("running", "starting"):
        return "<div class='att-strip att-faint'>The first probe is on its way…</div>"
    return "<div class='att-strip att-faint'>What probes find stands here while the project runs.</div>"
