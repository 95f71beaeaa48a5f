import base64
import io
import itertools
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from att.errors import Invalid, NotFound
from att.testing import charts
from att.testing.analysis import empty
from att.testing.charts import STYLES, Chart, ThemeName, theme_named
from att.testing.charts.parts import printable, seconds_text, short_labels, shorten
from att.testing.samples import SampleHistory, sample_history
from tests.testing.analysis.histories import history

Draw = Callable[[SampleHistory, ThemeName], Figure]


def some_test(h: SampleHistory) -> str:
    return str(h.truth.loc[h.truth["kind"] == "slower", "nodeid"].iloc[0])


CHARTS: dict[str, Draw] = {
    "trend": lambda h, theme: charts.trend(h.runs, theme=theme),
    "heatmap": lambda h, theme: charts.heatmap(h.runs, h.results, theme=theme),
    "slowest": lambda h, theme: charts.slowest(h.runs, h.results, theme=theme),
    "duration": lambda h, theme: charts.duration(h.runs, h.results, some_test(h), theme=theme),
    "failures": lambda h, theme: charts.failures(h.runs, h.failures, theme=theme),
}
SIZES = {"none": (40, 0), "one": (40, 1), "usual": (60, 180), "many": (20, 5000)}


@pytest.fixture(scope="module")
def histories() -> dict[str, SampleHistory]:
    made = {name: sample_history(tests, max(runs, 1), seed=5) for name, (tests, runs) in SIZES.items()}
    nothing = made["none"]
    frames = (empty("runs"), empty("results"), empty("failures"))
    return made | {"none": SampleHistory(*frames, nothing.truth)}


@pytest.fixture(scope="module")
def usual(histories: dict[str, SampleHistory]) -> SampleHistory:
    return histories["usual"]


def pixels(chart: Figure) -> np.ndarray:
    assert isinstance(chart, Chart)
    return np.asarray(Image.open(io.BytesIO(chart.png(chart.dpi))).convert("RGBA"))


def shown_texts(chart: Figure) -> list[Text]:
    return [t for t in chart.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text().strip()]


def overlapping(texts: list[Text]) -> list[tuple[str, str]]:
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
    return [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]


def outside(chart: Figure) -> list[str]:
    """Texts that the picture's edge cuts."""
    frame = chart.bbox
    labels = {t for axes in chart.axes for t in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    unseen = labels.difference(*(drawn_ticks(axes) for axes in chart.axes))  # beyond the limits of the axes
    boxes = ((t.get_text(), t.get_window_extent()) for t in shown_texts(chart) if t not in unseen)
    return [name for name, b in boxes if b.x0 < -1 or b.y0 < -1 or b.x1 > frame.x1 + 1 or b.y1 > frame.y1 + 1]


def drawn_ticks(axes: Axes) -> set[Text]:
    found: set[Text] = set()
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        low, high = min(low, high), max(low, high)
        found |= {t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_visible()}
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_draws_every_size_of_history(name: str, size: str, histories: dict[str, SampleHistory]) -> None:
    chart = CHARTS[name](histories[size], "auto")
    image = pixels(chart)
    assert (image[..., 3] > 0).mean() > 0.005  # something is drawn
    assert (image[..., 3] == 0).mean() > 0.2  # on a transparent ground
    assert outside(chart) == []
    for axes in chart.axes:
        ticks = drawn_ticks(axes)
        assert overlapping([t for t in axes.get_xticklabels() if t in ticks]) == []
        assert overlapping([t for t in axes.get_yticklabels() if t in ticks]) == []
    for box in chart.legends:
        assert overlapping([*chart.texts, *box.get_texts()]) == []


@pytest.mark.parametrize(("theme", "corner"), [("light", (255, 255, 255, 255)), ("dark", (17, 17, 17, 255))])
def test_light_and_dark_paint_their_ground(theme: ThemeName, corner: tuple[int, ...], usual: SampleHistory) -> None:
    for name in ("slowest", "failures"):
        assert tuple(pixels(CHARTS[name](usual, theme))[1, 1]) == corner


@pytest.mark.parametrize("name", CHARTS)
def test_an_empty_history_says_what_to_do(name: str, histories: dict[str, SampleHistory]) -> None:
    chart = CHARTS[name](histories["none"], "auto")
    assert any("p.tests.run()" in t.get_text() for t in shown_texts(chart))
    assert not chart.axes


def test_a_history_without_failures_is_good_news(usual: SampleHistory) -> None:
    texts = [t.get_text() for t in shown_texts(charts.failures(usual.runs, empty("failures")))]
    assert "No test has failed." in texts


def test_a_suite_that_was_only_skipped_can_be_drawn(usual: SampleHistory) -> None:
    outcome = pd.Categorical(["skipped"] * len(usual.results), usual.results["outcome"].cat.categories)
    results = usual.results.assign(outcome=outcome)
    zeros = usual.runs.assign(passed=0, failed=0, errors=0, skipped=60)
    assert "nothing was executed" in {t.get_text() for t in shown_texts(charts.trend(zeros))}
    pixels(charts.heatmap(zeros, results))
    assert "never been executed" in repr(charts.duration(zeros, results, some_test(usual)))


def test_runs_without_counts_are_not_drawn_as_zeros(usual: SampleHistory) -> None:
    runs = usual.runs.head(10).assign(failed=pd.Series([None] * 4 + [1] * 6, dtype="Int64"))
    assert "6 runs" in repr(charts.trend(runs))
    assert "tells its counts" in repr(charts.trend(runs.head(4)))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_chart_of_no_row_is_refused(usual: SampleHistory, limit: int) -> None:
    said = f"limit: .* not {limit}"
    with pytest.raises(Invalid, match=said):
        charts.slowest(usual.runs, usual.results, limit=limit)
    with pytest.raises(Invalid, match=said):
        charts.heatmap(usual.runs, usual.results, limit=limit)
    with pytest.raises(Invalid, match=said):
        charts.failures(usual.runs, usual.failures, limit=limit)


def test_a_suite_that_is_always_red_has_no_outage_in_the_heatmap(usual: SampleHistory) -> None:
    red = usual.results.assign(
        outcome=pd.Categorical(["failed"] * len(usual.results), usual.results["outcome"].cat.categories)
    )
    chart = charts.heatmap(usual.runs, red)
    assert "outage run" not in {t.get_text() for t in chart.legends[0].get_texts()}


def test_an_unknown_test_is_not_found(usual: SampleHistory) -> None:
    with pytest.raises(NotFound, match="Did you mean"):
        charts.duration(usual.runs, usual.results, some_test(usual) + "x")


def test_the_duration_chart_says_since_when_a_test_is_slower(usual: SampleHistory) -> None:
    changed = usual.runs["started_at"].iloc[int(180 * 0.64)]
    assert f"slower since {changed:%Y-%m}" in repr(charts.duration(usual.runs, usual.results, some_test(usual)))


def test_the_heatmap_puts_the_flakiest_first_and_marks_outages(usual: SampleHistory) -> None:
    chart = charts.heatmap(usual.runs, usual.results)
    right = [t.get_text() for t in shown_texts(chart) if t.get_text().endswith("flaky")]
    shares = [int(text.split("%")[0]) for text in right]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 5
    assert "outage run" in {t.get_text() for t in chart.legends[0].get_texts()}


def test_a_chart_shows_itself_in_a_notebook_and_names_itself_in_text(usual: SampleHistory) -> None:
    chart = charts.slowest(usual.runs, usual.results, limit=3)
    assert isinstance(chart, Chart)
    data, metadata = chart._repr_mimebundle_(include=None, exclude=None)
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width == 2 * metadata["image/png"]["width"]
    assert data["text/plain"].startswith("<Chart: Slowest tests: 3 of 60 tests take ")


def test_drawing_leaves_pyplot_alone() -> None:
    code = (
        "import sys; from att.testing import charts, samples; h = samples.sample_history(runs=5);"
        "charts.trend(h.runs).png(60); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


HOSTILE = [
    "tests/test_money.py::test_price[$5-$10_{x}^2]",
    "tests/test_\u6f22\u5b57.py::test_\U0001f600",
    "tests/test_x.py::test_[\x00\x1b[31m\u202e]",
    "tests/" + "deep/" * 60 + "test_a.py::test_" + "x" * 300,
    "tests/" + "deep/" * 60 + "test_b.py::test_" + "x" * 300,
]


def test_hostile_names_and_messages_are_drawn_as_text(usual: SampleHistory) -> None:
    names = dict(zip(usual.results["nodeid"].cat.categories, HOSTILE, strict=False))
    results = usual.results.assign(nodeid=usual.results["nodeid"].cat.rename_categories(names))
    hit = usual.failures.assign(message=[HOSTILE[i % 5] for i in range(len(usual.failures))], exception="$\\frac$")
    drawn = [
        charts.heatmap(usual.runs, results, limit=25),
        charts.slowest(usual.runs, results, limit=25),
        charts.failures(usual.runs, hit),
        *(charts.duration(usual.runs, results, name) for name in HOSTILE),
    ]
    for chart in drawn:
        pixels(chart)  # a missing glyph or a formula would warn or raise here
        assert outside(chart) == []
        for box in chart.legends:
            assert overlapping([*chart.texts, *box.get_texts()]) == []


def test_the_legend_gives_way_to_a_long_title() -> None:
    nodeid = "tests/unit/test_cart.py::TestTotal::" + "test_a_very_long_name" * 6
    chart = charts.duration(*history({nodeid: "PFEXxRPFEXxR"}), nodeid)
    pixels(chart)
    [box] = chart.legends
    assert len(box.get_texts()) == 6
    assert overlapping([*chart.texts, *box.get_texts()]) == []
    assert outside(chart) == []


def test_long_names_are_shortened_in_the_middle_and_stay_different() -> None:
    assert shorten("tests/unit/test_cart.py::test_total", 20) == "tests/un…:test_total"
    assert len(shorten("x" * 500, 50)) == 50
    labels = short_labels(HOSTILE)
    assert len(set(labels)) == len(HOSTILE)
    assert labels[0].startswith("tests/test_money.py")


def test_text_that_the_font_lacks_becomes_an_escape() -> None:
    assert printable("a\x1b\u6f22é") == "a\\x1b\\u6f22é"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.00123, "1.23 ms"), (0.9999, "1 s"), (61.5, "61.5 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_and_marks_can_be_read_on_white_and_on_black() -> None:
    for name, grounds, least in (
        ("light", ["#FFFFFF"], 6),
        ("dark", ["#111111"], 6),
        ("auto", ["#FFFFFF", "#111111"], 4.2),
    ):
        theme = theme_named(name)  # type: ignore[arg-type]
        for ground in grounds:
            assert contrast(theme.text, ground) >= least
            assert contrast(theme.muted, ground) >= least
            assert contrast(theme.accent, ground) >= 3
            assert all(contrast(style.colour, ground) >= 2.7 for style in STYLES.values())


# Linear RGB as seen with protanopia, deuteranopia and tritanopia: "A Physiologically-based Model for Simulation of
# Color Vision Deficiency", IEEE TVCG 15 (2009), severity 1.
DEFICIENCIES = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: str, seen_by: str) -> np.ndarray:
    """CIE L*a*b* of a colour as somebody with the deficiency sees it."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(DEFICIENCIES[seen_by]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen_by", DEFICIENCIES)
def test_outcomes_stay_apart_for_the_colour_blind(seen_by: str) -> None:
    for one, other in itertools.combinations(("passed", "failed", "error", "rerun"), 2):
        distance = np.linalg.norm(lab(STYLES[one].colour, seen_by) - lab(STYLES[other].colour, seen_by))
        assert distance > 14, (one, other)  # a just noticeable difference is about 2.3


def test_no_outcome_is_told_by_colour_alone() -> None:
    for signs in ([s.mark for s in STYLES.values()], [s.hatch for s in STYLES.values()]):
        assert len(set(signs)) == len(STYLES)


def test_an_unknown_theme_is_refused(usual: SampleHistory) -> None:
    with pytest.raises(Invalid, match="light"):
        charts.trend(usual.runs, theme="neon")  # type: ignore[arg-type]
