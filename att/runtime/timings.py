"""Every time constant of supervision in one place, so that tests can shorten them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timings"]


@dataclass(frozen=True)
class Timings:
    """Seconds, unless a name says otherwise."""

    check: float = 1.0
    """Between two looks for what other processes have written, or for a supervisor that has gone."""
    settle: float = 1.0
    """A project without a readiness probe is healthy after running this long."""
    first_probe: float = 0.1
    """From the start of a run to its first probes."""
    eager: float = 0.2
    """Least pause between the probes of a run that has not passed yet."""
    eager_share: float = 0.25
    """That pause as a share of the run's age; it grows until it is the probe's period."""
    leftovers: float = 0.2
    """After the main process has ended, until the state says that its descendants are being ended."""
    abandoned: float = 2.0
    """Before a supervisor finishes a start that whoever began it has not."""
    busy: float = 0.1
    """Between two tries to take a project's lock that another holds."""
    window: float = 120.0
    """Failures are counted over this time."""
    window_failures: int = 5
    """So many failures within the window are a crash loop."""
    backoff_base: float = 1.0
    """Delay of the first restart; it doubles with each failure."""
    backoff_most: float = 60.0
    """Longest delay of a restart."""
    backoff_jitter: float = 0.2
    """Largest share by which a delay is randomly longer or shorter."""
    forgiven: float = 60.0
    """After so long in health, earlier failures no longer count."""
    start_patience: float = 30.0
    """How long a start waits for a stop that is under way."""
    watched: float = 60.0
    """Metrics are sampled for so long after somebody has asked for them."""
