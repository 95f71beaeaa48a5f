"""One project under supervision: watches its run, notes its health, and restarts it by its policy."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from att.errors import ATTError, Busy, NotFound
from att.models import now
from att.projects.models import Project
from att.projects.registry import ProjectRegistry
from att.runtime import decisions
from att.runtime.checks import Target
from att.runtime.evidence import Coroner, Evidence
from att.runtime.launcher import Launcher, child_environment
from att.runtime.loop import Loop, Timer
from att.runtime.models import ProbeResult
from att.runtime.prober import Prober
from att.runtime.probes import ProbeBoard
from att.runtime.rundir import RunDirectory, RunState
from att.runtime.starter import RunFacts, Starter, fingerprint, run_facts
from att.runtime.states import Row, StateBook, Trigger
from att.runtime.timings import Timings
from att.runtime.watch import RunWatch

__all__ = ["Office", "Sight", "Ward"]

KEPT_RESULTS = 50


@dataclass(frozen=True)
class Office:
    """What every ward works with; `jobs` and `probes` are the supervisor's pools."""

    loop: Loop
    jobs: ThreadPoolExecutor
    probes: ThreadPoolExecutor
    registry: ProjectRegistry
    launcher: Launcher
    book: StateBook
    starter: Starter
    coroner: Coroner
    timings: Timings
    observer: str

    def job(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run blocking work in a pool, and hand its result, or the exception that it raised, to the loop's thread.

        Before the loop is started both happen here and now: opening is complete when it returns.
        """

        def attempt() -> Any:
            try:
                return work()
            except Exception as error:  # noqa: BLE001 - told to `then`, which decides
                return error

        def attempt_and_tell() -> None:
            result = attempt()
            self.loop.post(lambda: then(result))

        if not self.loop.started:
            then(attempt())
            return
        try:
            self.jobs.submit(attempt_and_tell)
        except RuntimeError:  # the interpreter is ending: nobody waits for the answer
            return


@dataclass(frozen=True)
class Sight:
    """What is seen of a run that is alive; replaced as a whole, so that any thread may read it."""

    run: RunDirectory
    who: RunState
    facts: RunFacts
    row: Row
    results: tuple[ProbeResult, ...]
    applied: bool
    """The project's settings are those that the run was started with."""
    app_ended: bool = False

    def fresh(self) -> bool:
        """Say whether the run goes on, and nobody has asked it to stop meanwhile."""
        if os.path.exists(os.path.join(self.run.path, "exit.json")):  # noqa: PTH110, PTH118 - asked very often
            return False
        return self.row.snapshot.state == "stopping" or not self.run.stopping()


@dataclass
class _Live:
    """A run that is alive, with what belongs to it."""

    run: RunDirectory
    who: RunState
    facts: RunFacts
    watch: RunWatch
    prober: Prober
    applied: bool
    app_ended: bool = False


class Ward:
    """Lives in the loop's thread; only `sight` is read by others."""

    def __init__(self, project_id: str, office: Office) -> None:
        self.project_id = project_id
        self.sight: Sight | None = None
        self.closed = False
        self._office = office
        self._project: Project | None = None
        self._live: _Live | None = None
        self._row = Row()
        self._results: deque[ProbeResult] = deque(maxlen=KEPT_RESULTS)
        self._timer: Timer | None = None

    def look(self) -> None:
        """Compare what is supervised with what the store and the run directories say now."""
        if self.closed:
            return
        try:
            self._project = project = self._office.registry.get(self.project_id)
        except NotFound:
            self.close()
            return
        self._row = self._office.book.read(self.project_id)
        run = self._office.launcher.latest(self.project_id)
        if run is not None and run.phase() == "running":
            self._attend(run, project)
        else:
            self._detach()
            self._settle(run)

    def outdated(self, project: Project, row: Row | None) -> bool:
        """Say whether another process has changed the project or its row since the last look."""
        return project != self._project or (row is not None and row.observed_at != self._row.observed_at)

    def close(self) -> None:
        """Supervise no longer; the run goes on."""
        self.closed = True
        self._detach()

    def probe_now(self, answered: Callable[[], None]) -> None:
        """Ask every probe once, and call `answered` when all have answered."""
        if self._live is None:
            answered()
        else:
            self._live.prober.ask_now(answered)

    # A run that is alive

    def _attend(self, run: RunDirectory, project: Project) -> None:
        if self._live is None or self._live.run != run:
            self._detach()
            who = run.state()
            if who is None:  # its shim is still starting
                self._later(self._office.timings.busy, self.look)
                return
            self._live = self._adopt(run, who)
            if self._live.watch.app_ended():
                self._on_app_ended()
        live = self._live
        live.applied = live.facts.fingerprint == fingerprint(project)
        self._note()
        if not live.app_ended:
            self._finish_stop(run, project)
        live.prober.schedule()

    def _finish_stop(self, run: RunDirectory, project: Project) -> None:
        """Go on with a stop in case that whoever began it was killed; asked twice, a shim takes the shorter grace."""
        if run.stopping():
            run.signal_shim()
        elif self._row.snapshot.state == "stopping":
            run.request_stop(project.grace_seconds)

    def _adopt(self, run: RunDirectory, who: RunState) -> _Live:
        known = self._row.snapshot
        same = known.run_id == run.run_id
        if same and not self._results:
            self._results.extend(known.results)
        facts, watch = run_facts(run), run.watch()
        adopted = same and known.observer is not None
        age = max(0.0, (now() - who.started_at).total_seconds())
        board = ProbeBoard(facts.probes, self._office.timings, age=age, startup_passed=same and known.startup_passed)
        prober = Prober(
            self._office.loop,
            self._office.probes,
            board,
            who,
            self._results,
            adopted=adopted,
            target=self._target,
            quiet=lambda: watch.app_ended() or run.stopping(),
            changed=self._note,
        )
        if watch.app_fd is not None:
            self._office.loop.on_readable(watch.app_fd, self._on_app_ended)
        if watch.shim_fd is not None:
            self._office.loop.on_readable(watch.shim_fd, lambda: self._on_run_over(watch))
        else:
            self._poll_later(watch)
        return _Live(run, who, facts, watch, prober, applied=True)

    def _poll_later(self, watch: RunWatch) -> None:
        """Ask again and again for the end, where no descriptor tells of it."""
        self._office.loop.later(self._office.timings.busy, lambda: self._poll(watch))

    def _poll(self, watch: RunWatch) -> None:
        if self._live is not None and self._live.watch is watch:
            if watch.ended():
                self.look()
            if self._live is not None and self._live.watch is watch:
                self._poll_later(watch)

    def _detach(self) -> None:
        """Let go of the run: its probes, timers and descriptors."""
        if self._timer is not None:
            self._timer.cancel()
        if self._live is not None:
            live, self._live = self._live, None
            live.prober.stop()
            for fd in (live.watch.app_fd, live.watch.shim_fd):
                if fd is not None:
                    self._office.loop.forget(fd)
            live.watch.close()
        self.sight = None

    def _target(self) -> Target:
        if self._live is None:
            raise RuntimeError("probes are asked of a live run")
        port = {} if self._live.facts.port is None else {"PORT": str(self._live.facts.port)}
        env = child_environment(os.environ, {**port, **(self._project.env if self._project else {})})
        return Target(self._live.facts.cwd, env)

    def _note(self) -> None:
        """Write down state and health if they have changed, publish what is seen, and give up a run that must be."""
        live = self._live
        if live is None:
            return
        seen = self._seen(live)
        if self._differs(seen):
            self._row = self._office.book.change(self.project_id, lambda row, at: decisions.observed(row, seen, at))
        self._publish(live, seen)
        if (bad := live.prober.board.given_up()) is not None and self._row.snapshot.state == "running":
            self._give_up(live, "liveness" if bad.probe.role == "liveness" else "startup", seen.reason)

    def _seen(self, live: _Live) -> decisions.Seen:
        health, reason = live.prober.health()
        return decisions.Seen(
            run_id=live.run.run_id,
            observer=self._office.observer,
            stopping=live.run.stopping(),
            health=health,
            reason=reason,
            probes=live.prober.board.statuses(),
            results=list(self._results),
            startup_passed=live.prober.board.startup_passed,
        )

    def _differs(self, seen: decisions.Seen) -> bool:
        known = self._row.snapshot
        if (known.run_id, known.observer) != (seen.run_id, seen.observer) or known.state in decisions.UNWRITTEN:
            return True
        if known.state == "stopping" or seen.stopping:
            return known.state != "stopping"
        return known.health != seen.health or [p.state for p in known.probes] != [p.state for p in seen.probes]

    def _publish(self, live: _Live, seen: decisions.Seen) -> None:
        row = self._row
        if row.snapshot.state == "running":
            row = row.with_(probes=seen.probes, health_reason=seen.reason)
        self.sight = Sight(live.run, live.who, live.facts, row, tuple(self._results), live.applied, live.app_ended)

    def _give_up(self, live: _Live, trigger: Trigger, reason: str) -> None:
        """End a run whose liveness or startup probe has failed; the policy restarts it."""
        self._row = self._office.book.change(
            self.project_id, lambda row, _at: decisions.given_up(row, live.run.run_id, trigger, reason)
        )
        if self._row.snapshot.pending == trigger:
            live.run.request_stop(None if self._project is None else self._project.grace_seconds)
        self._publish(live, self._seen(live))

    # The end of a run

    def _on_app_ended(self) -> None:
        """The main process is gone; the shim ends what it left, which mostly is nothing."""
        live = self._live
        if live is None:
            return
        if live.watch.app_fd is not None:
            self._office.loop.forget(live.watch.app_fd)
        live.prober.stop()
        self._office.loop.later(self._office.timings.leftovers, lambda: self._on_left_behind(live))

    def _on_run_over(self, watch: RunWatch) -> None:
        if watch.shim_fd is not None:
            self._office.loop.forget(watch.shim_fd)
        self.look()
        self._poll_later(watch)  # in case that its lock was not free yet

    def _on_left_behind(self, live: _Live) -> None:
        if self._live is not live or live.watch.ended():
            return
        live.app_ended = True
        self._row = self._office.book.change(
            self.project_id, lambda row, _at: decisions.left_behind(row, live.run.run_id)
        )
        if self.sight is not None:
            self.sight = replace(self.sight, row=self._row, app_ended=True)

    def _settle(self, run: RunDirectory | None) -> None:
        """Nothing runs: see what has to follow, from what is written down."""
        known, timings = self._row.snapshot, self._office.timings
        unwritten = run is not None and (known.run_id is None or run.run_id > known.run_id)
        if self._row.elsewhere(run):
            return
        if run is not None and (unwritten or (known.state in ("running", "stopping") and not self._restarting())):
            self._examine(run)
        elif known.state == "starting" or self._restarting():
            self._later(timings.abandoned, self._launch)
        elif known.state == "backoff":
            due = known.next_restart_at
            self._later(0.0 if due is None else (due - now()).total_seconds(), self._launch)

    def _restarting(self) -> bool:
        """Say whether somebody stopped the run in order to start another, and is about to do so."""
        known = self._row.snapshot
        return known.state == "stopping" and known.pending in ("manual", "watchdog") and self._row.desired == "running"

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._office.loop.later(seconds, callback)

    def _examine(self, run: RunDirectory) -> None:
        project = self._project
        if project is not None:
            self._office.job(lambda: self._office.coroner.examine(project, run), partial(self._conclude, run, project))

    def _conclude(self, run: RunDirectory, project: Project, found: Evidence | Exception) -> None:
        """Write down how the run ended and what follows."""
        if self.closed:
            return
        evidence = Evidence.unreadable(found) if isinstance(found, Exception) else found
        results, timings = list(self._results), self._office.timings
        before = self._row
        self._row = self._office.book.change(
            self.project_id,
            lambda row, at: decisions.concluded(
                row, project, run.run_id, evidence, results, at, timings, random.random
            ),
        )
        self._results.clear()
        if self._row != before:
            self.look()

    def _launch(self) -> None:
        """Restart after the delay, or finish a start that whoever began it has not."""
        known = self._row.snapshot
        self._office.job(lambda: self._launch_locked(known.state, known.run_id), self._on_launched)

    def _launch_locked(self, state: str, run_id: str | None) -> None:
        """Start the project if it still waits for that. Raises Busy at once when somebody else is at work on it."""
        office = self._office
        with office.launcher.project_lock(self.project_id, timeout=0):
            project = office.registry.get(self.project_id)
            row = office.book.read(self.project_id)
            latest = office.launcher.latest(self.project_id)
            waits = (row.snapshot.state, row.snapshot.run_id, row.desired) == (state, run_id, "running")
            if waits and (latest is None or latest.phase() != "running"):
                office.starter.launch(project, latest, by_hand=False)

    def _on_launched(self, error: Exception | None) -> None:
        if self.closed:
            return
        if isinstance(error, Busy):
            self._later(self._office.timings.busy, self.look)
            return
        project = self._project
        if error is not None and project is not None and not isinstance(error, NotFound):
            reason = error.message if isinstance(error, ATTError) else f"{type(error).__name__}: {error}"
            self._row = self._office.book.change(
                self.project_id,
                lambda row, at: decisions.launch_failed(row, project, reason, at, self._office.timings, random.random),
            )
        self.look()
