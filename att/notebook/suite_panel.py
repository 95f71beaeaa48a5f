"""Run a project's tests and see how they go, and why they fail."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from att.client.tests import unseen
from att.client.wording import brief
from att.errors import Invalid, NotFound
from att.notebook.markup import Markup, badge, empty, lost, old
from att.notebook.panel import Panel, button
from att.notebook.tones import OUTCOMES, status_badge
from att.notebook.topics import TestsTopic, TestsValue
from att.terminal import plain
from att.testing.command import SUITES
from att.testing.models import TestFailure, TestOutcome, TestOutcomePage, TestRun

if TYPE_CHECKING:
    from att.client.project import ProjectHandle

__all__ = ["TestRunPanel", "counts_html"]

_SHOWN_FAILURES, _SHOWN_CHARACTERS, _PAGE, _RERUN_MOST = 50, 6000, 2000, 10_000


class TestRunPanel(Panel):
    """Suite, markers and timeout, a bar while tests run, and every failure with its traceback."""

    __test__ = False

    def __init__(self, project: ProjectHandle) -> None:
        self.project, self.topic = project, TestsTopic(project.id)
        self.suite = ipywidgets.Combobox(
            value="all",
            options=("all", *SUITES),
            ensure_option=False,
            description="Suite",
            tooltip="A suite, a path or a nodeid",
        )
        self.markers = ipywidgets.Text(
            placeholder="not slow", description="Markers", tooltip="Expression for pytest's -m", continuous_update=True
        )
        self.timeout = ipywidgets.Text(
            placeholder="none", description="Timeout s", tooltip="Seconds after which the suite is ended"
        )
        for field, width in ((self.suite, "190px"), (self.markers, "200px"), (self.timeout, "140px")):
            field.layout.width = width
        self.run = button("Run tests", "play", self._run, tip=f"Run the tests of {project.id}", classes="att-main")
        self.cancel = button("Cancel", "stop", self._cancel, tip="Cancel the test run", classes="att-stop")
        self.rerun = button("Rerun failed", "repeat", self._rerun, tip="Run the failed tests again")
        self.cancel.disabled = self.rerun.disabled = True
        self.result = Markup("<div class='att-faint'>Reading…</div>")
        self.failures = Markup()  # written only when one is new: somebody may be reading
        self.latest: TestRun | None = None
        controls = ipywidgets.HBox([self.suite, self.markers, self.timeout, self.run, self.cancel, self.rerun])
        controls.add_class("att-row")
        super().__init__(project.session, [controls, self.result, self.failures], title=f"Tests of {project.id}")
        self.watch(self.topic, self._draw)

    def _run(self) -> None:
        try:
            timeout = float(self.timeout.value) if self.timeout.value.strip() else None
        except ValueError:
            self.tell_error(Invalid(f"The timeout is a number of seconds, not {self.timeout.value!r}."))
            return
        suite, markers = self.suite.value.strip() or "all", self.markers.value.strip() or None
        self._begin(lambda: self.project.tests.run(suite=suite, markers=markers, timeout=timeout, wait=False))

    def _rerun(self) -> None:
        run = self.latest
        if run is not None:
            self._begin(lambda: self.project.tests.run(targets=self._failed(run), wait=False))

    def _failed(self, run: TestRun) -> list[str]:
        failed = [failure.nodeid for failure in run.failures if failure.phase == "collect"]
        cursor, more = None, True
        while more:
            page: TestOutcomePage = self.project.tests.results(
                run=run.run_id, outcomes=["failed", "error"], cursor=cursor, limit=_PAGE
            )
            failed += [outcome.nodeid for outcome in page.outcomes]
            cursor, more = page.cursor, page.has_more
        targets = list(dict.fromkeys(failed))
        if len(targets) > _RERUN_MOST:
            many = f"{len(targets):,} tests failed, and at most {_RERUN_MOST:,} can be run by name"
            raise Invalid(f"{many}: run the suite again.")
        return targets

    def _begin(self, work: Any) -> None:
        self.act(work, busy=(self.run, self.rerun), done=lambda run: self._draw(TestsValue(run)), touches=[self.topic])

    def _cancel(self) -> None:
        run = self.latest
        if run is not None:
            self.act(lambda: self.project.tests.cancel(run.run_id), busy=(self.cancel,), touches=[self.topic])

    def _draw(self, value: TestsValue) -> None:
        run = self.latest = value.run
        running = run is not None and run.state == "running"
        deleted = isinstance(value.error, NotFound)
        self.run.disabled, self.cancel.disabled = running or deleted, not running or deleted
        self.rerun.disabled = running or deleted or run is None or not (run.failed or run.errors)
        gone = lost(value.error, "What stands below is how it was before." if run else "")
        if run is None:
            hint = "Run tests starts pytest with the project's own Python; every result is kept."
            self.result.html, self.failures.html = gone or empty("No test run yet", hint), ""
        else:
            head = _running(run) if running else _ended(run)
            below = _failures(run) + _results(value.outcomes, run.finished)
            self.result.html = gone + (old(head) if value.error else head)
            self.failures.html = old(below) if value.error and below else below


def counts_html(run: TestRun) -> str:
    """Return the counts with their signs."""
    chips = [
        f"<span class='att-{tone}'>{sign} {getattr(run, name)} {name}</span> "
        for name, (tone, sign) in OUTCOMES.items()
        if getattr(run, name)
    ]
    return f"<div class='att-chips'>{''.join(chips) or '<span class=att-faint>no tests</span>'}</div>"


def _bar(run: TestRun) -> str:
    whole = max(run.collected or 0, run.finished, 1)
    bad = (run.failed or 0) + (run.errors or 0)
    parts = [("good", run.passed), ("bad", bad), ("warn", run.skipped), ("idle", run.xfailed)]
    segments = "".join(
        f"<i class='att-{tone}' style='width:{number / whole:.2%}'></i>" for tone, number in parts if number
    )
    rest = "<span class='att-moving'></span>" if run.state == "running" else ""
    known = f" aria-valuenow='{run.finished}' aria-valuemin='0' aria-valuemax='{whole}'" if run.collected else ""
    return f"<div class='att-bar' role='progressbar' aria-label='Tests done'{known}>{segments}{rest}</div>"


def _running(run: TestRun) -> str:
    done = "collecting" if run.collected is None else f"{run.finished} of {run.collected} tests"
    # Below a second it says less than the bar, and beside a test that takes longer than it did it is wrong.
    left = f" · about {brief(run.eta_seconds, '_seconds')} left" if (run.eta_seconds or 0) >= 1 else ""
    now = ", ".join(item.nodeid for item in run.in_flight[:2])
    # Only the badge is read out: the numbers change twice a second.
    head = f"<span role='status'>{badge('busy', '◐ running')}</span><span class='att-nums'>{done}{left}</span>"
    doing = f"<div class='att-faint att-small att-cut att-test'>{escape(now or run.message)}&nbsp;</div>"
    return f"<div class='att-flex'>{head}</div>{_bar(run)}{counts_html(run) if run.finished else ''}{doing}"


def _ended(run: TestRun) -> str:
    facts = [f"took {brief(run.duration_seconds, '_seconds')}", brief(run.started_at)]
    if run.commit:
        facts.append(f"commit {run.commit[:10]}{' with changes' if run.dirty else ''}")
    if run.coverage_percent is not None:
        facts.append(f"coverage {run.coverage_percent:.1f} %")
    facts.append(f"run {run.run_id[-8:]}")
    told = f"<span class='att-faint att-small att-nums'>{escape(' · '.join(facts))}</span>"
    why = "" if run.status in ("passed", "failed") or not run.message else f"<p>{escape(run.message)}</p>"
    head = f"<div class='att-flex' role='status'>{status_badge(run.status or run.state)}{told}</div>"
    return f"{head}{_bar(run)}{counts_html(run)}{why}"


def _failures(run: TestRun) -> str:
    if not run.failures:
        return ""
    items = "".join(_failure(item, number) for number, item in enumerate(run.failures[:_SHOWN_FAILURES]))
    more = unseen(run, _SHOWN_FAILURES)
    rest = f"<p class='att-faint'>{escape(more)}</p>" if more else ""
    return f"<ul class='att-list' aria-label='Failing tests'>{items}</ul>{rest}"


def _results(outcomes: tuple[TestOutcome, ...], finished: int) -> str:
    if not outcomes:
        return ""
    more = finished - len(outcomes)
    rest = f"<p class='att-faint'>and {more} more in p.tests.results()</p>" if more > 0 else ""
    items = "".join(_outcome(item) for item in outcomes)
    return (
        f"<details class='att-all' data-key='results'><summary>All results</summary>"
        f"<ul class='att-results' aria-label='Results of every test'>{items}</ul>{rest}</details>"
    )


def _outcome(item: TestOutcome) -> str:
    tone, sign = OUTCOMES["errors" if item.outcome == "error" else item.outcome]
    took = brief(item.duration_seconds, "_seconds")
    return (
        f"<li data-nodeid='{escape(item.nodeid)}' data-outcome='{item.outcome}'>"
        f"<span class='att-{tone} att-outcome'>{sign} {item.outcome}</span>"
        f"<span class='att-test att-cut' title='{escape(item.nodeid)}'>{escape(item.nodeid)}</span>"
        f"<span class='att-faint att-small att-nums'>{escape(took)}</span></li>"
    )


def _failure(item: TestFailure, number: int) -> str:
    name = item.nodeid + (f" [{item.subtest}]" if item.subtest else "")
    phase = "" if item.phase == "call" else f" <span class='att-badge att-odd'>{escape(item.phase)}</span>"
    first = plain(item.message).strip().partition("\n")[0] or item.exception_type or ""
    where = f"{_place(item)}:{item.line}" if item.path and item.line else ""
    captured = "".join(
        f"<details data-key='{number}-{escape(part.title)}'><summary>{escape(part.title)}</summary>"
        f"<pre tabindex='0' data-scroll='{number}-{escape(part.title)}'>{_end(part.text)}</pre></details>"
        for part in item.sections
    )
    return (
        f"<li><details data-key='{escape(item.nodeid)}-{number}'>"
        f"<summary><span class='att-bad' aria-hidden='true'>✗</span><span class='att-test'>{escape(name)}</span>{phase}"
        f"<span class='att-cut att-faint'>{escape(first)}</span></summary>"
        f"<div><span class='att-faint att-small'>{escape(where)}</span>"
        f"<pre tabindex='0' data-scroll='{escape(item.nodeid)}-{number}'>{_end(item.longrepr)}</pre>{captured}</div>"
        "</details></li>"
    )


def _end(text: str) -> str:
    """Return the end of what was written, as HTML."""
    whole = plain(text)
    return ("…\n" if len(whole) > _SHOWN_CHARACTERS else "") + escape(whole[-_SHOWN_CHARACTERS:])


def _place(item: TestFailure) -> str:
    """Return the file as the nodeid names it, or where it lies when the failure is in another one."""
    file, path = item.nodeid.partition("::")[0], item.path or ""
    return file if path.endswith(f"/{file}") else path
