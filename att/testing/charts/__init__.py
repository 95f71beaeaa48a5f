"""Charts of test history as matplotlib figures: functions over the frames, no pyplot, nothing shown by itself."""

from att.testing.charts.bars import failures, slowest
from att.testing.charts.heatmaps import heatmap
from att.testing.charts.parts import Chart
from att.testing.charts.strips import duration
from att.testing.charts.theme import STYLES, Theme, ThemeName, theme_named
from att.testing.charts.trends import trend

__all__ = [
    "STYLES",
    "Chart",
    "Theme",
    "ThemeName",
    "duration",
    "failures",
    "heatmap",
    "slowest",
    "theme_named",
    "trend",
]
