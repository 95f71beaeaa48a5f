"""Generate months of reports of a build server, the same for the same seed: for notebooks and tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from att.errors import Invalid
from att.testing.exports.junit import to_junit
from att.testing.samples import SampleHistory, sample_history

__all__ = ["sample_reports"]

_FIRST = ("slower", "bug")
_LAST = ("broken", "skipped", "xfailed", "flaky")


def sample_reports(folder: str | Path, nodeids: Sequence[str], runs: int = 60, *, seed: int = 7) -> list[Path]:
    """Write the JUnit reports of many runs of the given tests as `<branch>/<commit>/<run>.xml`; return the paths.

    The first test becomes slower, the second has bugs now and then, and the last four are broken since a short while,
    skipped, expected to fail, and flaky. Commit and branch are only in the path, as where a build server archives.
    Raises `Invalid` for fewer than six tests.
    """
    if len(nodeids) < len(_FIRST) + len(_LAST):
        raise Invalid(f"Sample reports need six tests or more, not {len(nodeids)}.")
    sample = sample_history(max(20, 2 * len(nodeids)), runs, seed=seed)
    names = dict(zip(_models(sample, len(nodeids)), nodeids, strict=True))
    results, failures = (
        frame[frame["nodeid"].isin(names)].assign(nodeid=lambda f: f["nodeid"].astype(object).map(names))
        for frame in (sample.results, sample.failures)
    )
    place = Path(folder).expanduser()
    written = to_junit(sample.runs.assign(branch=None, commit=None), results, failures, place)
    labels = {str(run["run_id"]): (str(run["branch"]), str(run["commit"])) for run in sample.runs.to_dict("records")}
    return [_archived(path, *labels[path.stem]) for path in written]


def _archived(report: Path, branch: str, commit: str) -> Path:
    kept = report.parent / branch.replace("/", "-") / commit[:10] / report.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    return report.rename(kept)


def _models(sample: SampleHistory, size: int) -> list[str]:
    """Return the tests of the sample whose lives the given ones get."""
    truth = sample.truth.sort_values("rate", ascending=False, kind="stable")
    stable = size - len(_FIRST) - len(_LAST)

    def of_kind(kind: str, count: int = 1) -> pd.Series[str]:
        return truth["nodeid"][truth["kind"] == kind].head(count)

    first, last = ([of_kind(kind).iloc[0] for kind in kinds] for kinds in (_FIRST, _LAST))
    return [*first, *of_kind("stable", stable), *last]
