"""What a person sees of a value: tables, facts and text, the same on a terminal and in a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatch
from typing import Any

from pydantic import BaseModel

from att.client.wording import NOTHING, because, brief, health, label, log_line, says, state
from att.code.models import CodeDiff, FileContent
from att.events.models import EventPage
from att.models import Page
from att.projects.models import ProjectPage, ProjectSetup, ProjectStatus, TemplateList
from att.runtime.models import Diagnostics, HealthSignal, LogPage, RunPage, RuntimeStatus
from att.system.models import OperationList, SystemHealth
from att.testing.history import table as tables
from att.testing.loading.models import ImportResult

__all__ = ["Facts", "Table", "Text", "View", "view"]


@dataclass(frozen=True)
class Text:
    """Lines as they are; `output` was written by a program and may be coloured."""

    text: str
    output: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under columns; `empty` is said instead of a table without rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "Nothing."
    note: str = ""
    title: str = ""


@dataclass(frozen=True)
class Facts:
    """Names with values, and what belongs below them."""

    pairs: Sequence[tuple[str, str]]
    title: str = ""
    parts: Sequence[Table | Text] = field(default_factory=list)


View = Text | Table | Facts


@singledispatch
def view(value: Any) -> View:
    """Return what a person should see of a value."""
    return Text(brief(value))


@view.register
def _model(value: BaseModel) -> View:
    pairs, parts = [], []
    for name in type(value).model_fields:
        content = getattr(value, name)
        if _models(content):
            parts.append(table(content, title=name.replace("_", " ")))
        elif content not in (None, "", [], {}):
            pairs.append((label(name), brief(content, name)))
    return Facts(pairs, parts=parts)


@view.register
def _page(page: Page) -> View:
    return table(getattr(page, page.items_field), note=_more(page))


@view.register
def _projects(page: ProjectPage) -> View:
    rows = [
        [
            item.project.id,
            state(item.runtime.state),
            health(item.runtime.health),
            item.runtime.url or NOTHING,
            brief(item.runtime.uptime_seconds, "uptime_seconds"),
            item.project.path or NOTHING,
        ]
        for item in page.projects
    ]
    columns = ["project", "state", "health", "url", "up", "path"]
    return Table(columns, rows, "No projects yet. Make one: att project create demo --template service", _more(page))


@view.register
def _templates(value: TemplateList) -> View:
    rows = [[item.name, item.title, item.description] for item in value.templates]
    return Table(["template", "title", "description"], rows, "No templates.")


@view.register
def _project(value: ProjectStatus) -> View:
    project = value.project
    settings = [
        ("project", project.id + (f" ({project.title})" if project.title else "")),
        ("path", project.path or NOTHING),
        ("command", brief(project.command) if project.command else f"by the adapter {value.adapter!r}"),
        ("restart", project.restart),
    ]
    if value.setup is not None:
        settings.append(("setup", f"{state(value.setup.state)}{because(value.setup.message, value.setup.state)}"))
    return Facts([*settings, *_status_pairs(value.runtime)], parts=_probes(value.runtime))


@view.register
def _status(value: RuntimeStatus) -> View:
    return Facts([("project", value.project), *_status_pairs(value)], parts=_probes(value))


def _status_pairs(value: RuntimeStatus) -> list[tuple[str, str]]:
    pairs = [
        ("state", f"{state(value.state)}{because(value.reason, value.state)}"),
        ("health", health(value.health)),
        ("pid", brief(value.pid)),
        ("run", value.run_id or NOTHING),
        ("url", value.url or NOTHING),
        ("up", brief(value.uptime_seconds, "uptime_seconds")),
    ]
    if value.exit and not value.reason.startswith(value.exit.reason):
        pairs.append(("exit", value.exit.reason))
    if value.restarts:
        pairs.append(("restarts", str(value.restarts)))
    if value.next_restart_at:
        pairs.append(("next restart", brief(value.next_restart_at)))
    if value.resources:
        used = value.resources
        cpu = f"{used.cpu_percent:.0f} % CPU, " if used.cpu_percent is not None else ""
        memory = brief(used.rss_bytes, "rss_bytes")
        pairs.append(("uses", f"{cpu}{memory}, {used.processes} processes"))
    if value.restart_to_apply:
        pairs.append(("note", "settings have changed: restart to apply"))
    if value.supervised_by is None:
        pairs.append(("supervised by", "nobody: no probes, no restarts"))
    return [(name, text) for name, text in pairs if text != NOTHING]


def _probes(value: RuntimeStatus) -> list[Table | Text]:
    rows = [
        [item.probe.role, item.probe.kind, item.state, str(item.failures), item.last.detail if item.last else ""]
        for item in value.probes
    ]
    return [Table(["probe", "kind", "state", "failures", "last"], rows)] if rows else []


@view.register
def _signal(value: HealthSignal) -> View:
    pairs = [
        ("project", value.project),
        ("health", f"{health(value.health)}{because(value.last_reason, value.health)}"),
        ("state", state(value.state)),
        ("unhealthy since", brief(value.unhealthy_since)),
        ("restarts", str(value.restarts_in_window)),
    ]
    rows = [
        [brief(item.at), item.role, item.kind, item.result, f"{item.milliseconds:.0f} ms", item.detail]
        for item in value.last_results[-10:]
    ]
    tables = [Table(["at", "role", "kind", "result", "took", "detail"], rows)] if rows else []
    return Facts([pair for pair in pairs if pair[1] != NOTHING], parts=tables)


@view.register
def _setup(value: ProjectSetup) -> View:
    pairs = [("project", value.project), ("setup", f"{state(value.state)}{because(value.message, value.state)}")]
    if value.diagnosis:
        pairs += [("why", value.diagnosis.summary), ("remedy", value.diagnosis.remedy)]
    rows = [[item.title, state(item.state), brief(item.seconds, "_seconds")] for item in value.steps]
    parts: list[Table | Text] = [Table(["step", "state", "took"], rows)] if rows else []
    return Facts([pair for pair in pairs if pair[1]], parts=[*parts, *_lines(value.last_lines)])


@view.register
def _diagnostics(value: Diagnostics) -> View:
    pairs = [("project", value.project), ("run", value.run_id or NOTHING)]
    pairs.append(("exit", value.exit.reason if value.exit else NOTHING))
    if value.diagnosis:
        pairs += [("why", value.diagnosis.summary), ("remedy", value.diagnosis.remedy or NOTHING)]
    rows = [
        [brief(item.at), item.trigger, item.exit.reason if item.exit else NOTHING, item.old_run_id]
        for item in value.restarts
    ]
    restarts: list[Table | Text] = [Table(["restarted at", "because of", "exit", "old run"], rows)] if rows else []
    return Facts(pairs, parts=[*restarts, *_lines(log_line(line, colours=True) for line in value.last_lines)])


@view.register
def _runs(page: RunPage) -> View:
    rows = [
        [
            item.run_id,
            item.kind,
            state(item.state),
            brief(item.started_at),
            item.exit.reason if item.exit else NOTHING,
            brief(item.log_bytes, "log_bytes"),
        ]
        for item in page.runs
    ]
    return Table(["run", "kind", "state", "started", "exit", "log"], rows, "No runs yet.", _more(page))


@view.register
def _events(page: EventPage) -> View:
    rows = [
        [
            brief(item.at),
            item.kind,
            item.project or NOTHING,
            brief(item.data) if item.data else "",
        ]
        for item in page.events
    ]
    return Table(["at", "event", "project", "data"], rows, "No events.", _more(page))


@view.register
def _log(page: LogPage) -> View:
    if not page.lines:
        return Table([], [], "No output.")
    lost = "an unknown number of" if page.lost_bytes is None else page.lost_bytes
    head = [f"({lost} bytes before this are gone)"] if page.truncated else []
    return Text("\n".join([*head, *(log_line(line, colours=True) for line in page.lines)]), output=True)


@view.register
def _rows(value: tables.Table) -> View:
    names = [column.name for column in value.columns]
    times = {column.name for column in value.columns if column.kind == "time"}
    rows = [[_cell(record[name], name, is_time=name in times) for name in names] for record in value.records]
    left = value.rows - len(rows)
    note = f"{left:,} more of {value.rows:,} rows: ask for them with limit." if left else ""
    empty = "Nothing to tell: no test run of this selection says anything about it."
    return Table([label(name) for name in names], rows, empty, note)


def _cell(value: str | float | None, name: str, *, is_time: bool) -> str:
    return brief(datetime.fromisoformat(value)) if is_time and isinstance(value, str) else brief(value, name)


@view.register
def _imports(value: ImportResult) -> View:
    rows = [[item.path, item.result, item.run_id or NOTHING, item.reason] for item in value.reports]
    counts = Counter(item.result for item in value.reports)
    told = ", ".join(f"{counts[name]} {name}" for name in ("imported", "duplicate", "refused") if counts[name])
    return Table(["report", "result", "run", "reason"], rows, "No reports.", f"{told}." if told else "")


@view.register
def _file(value: FileContent) -> View:
    return Text(value.content if value.encoding == "utf-8" else f"(binary, {value.size_bytes} bytes; see --json)")


@view.register
def _diff(value: CodeDiff) -> View:
    return Text(value.diff) if value.diff else Table([], [], f"No difference to {value.base}.")


@view.register
def _operations(value: OperationList) -> View:
    rows = [[item.name, f"{item.method} {item.path}", item.python, item.summary] for item in value.operations]
    return Table(["operation", "REST", "Python", "what it does"], rows)


@view.register
def _system(value: SystemHealth) -> View:
    by = value.supervised_by
    return Facts(
        [
            ("ATT", f"{value.version} (API {value.api_version})"),
            ("answered by", f"{value.kind}, pid {value.pid} on {value.host}"),
            ("data directory", value.data_dir),
            ("supervised by", f"{by.kind}, pid {by.pid}" if by else "nobody: no probes, no restarts"),
            *(("note", notice) for notice in value.notices),
        ]
    )


def table(items: Sequence[Any], *, title: str = "", note: str = "") -> Table:
    """Return models of one kind as a table of the fields that say something."""
    names = [n for n in (type(items[0]).model_fields if items else ()) if any(says(getattr(i, n)) for i in items)]
    rows = [[brief(getattr(item, name), name) for name in names] for item in items]
    return Table([label(name) for name in names], rows, note=note, title=title)


def _models(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], BaseModel)


def _lines(lines: Iterable[str]) -> list[Table | Text]:
    text = "\n".join(lines)
    return [Text(text, output=True)] if text else []


def _more(page: Page) -> str:
    return f"There is more: go on with the cursor {page.cursor}." if page.has_more else ""
