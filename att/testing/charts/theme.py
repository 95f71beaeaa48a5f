"""Colours, marks and hatches of the charts: readable in light and dark, and without telling colours apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from att.errors import Invalid

__all__ = ["STYLES", "Style", "Theme", "ThemeName", "theme_named"]

ThemeName = Literal["auto", "light", "dark"]


@dataclass(frozen=True)
class Style:
    """How an outcome looks: every one differs in colour, mark and hatch."""

    colour: str
    mark: str
    hatch: str
    label: str


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "passed": Style("#009E73", "o", "", "passed"),
        "failed": Style("#D55E00", "X", "////", "failed"),
        "error": Style("#CC79A7", "D", "xxxx", "error"),
        "skipped": Style("#8C8C8C", "_", "....", "skipped"),
        "xfailed": Style("#B8860B", "v", "\\\\\\\\", "expected failure"),
        "xpassed": Style("#4FA3D9", "^", "||||", "unexpected pass"),
        "rerun": Style("#0E7ABF", "P", "++++", "passed on retry"),
    }
)
"""The palette is Okabe and Ito's "Color Universal Design" (2008), its lightest hues darkened to show on white."""


@dataclass(frozen=True)
class Theme:
    """Colours of everything that is not data."""

    name: ThemeName
    background: str
    text: str
    muted: str
    grid: str
    """With alpha, so that it stays behind the data on any background."""
    accent: str
    on_mark: str
    """For signs drawn on top of a filled mark."""

    @property
    def hatch(self) -> str:
        """Colour of hatches, weaker than `on_mark` so that they do not outshine the fill."""
        return f"{self.on_mark}A6"


_THEMES: Mapping[str, Theme] = MappingProxyType(
    {
        "light": Theme("light", "#FFFFFF", "#1F2328", "#57606A", "#1F232822", "#0072B2", "#FFFFFF"),
        "dark": Theme("dark", "#111111", "#E6E6E6", "#A8A8A8", "#E6E6E626", "#56B4E9", "#111111"),
        # The greys in the middle have the same contrast, 4.3:1 and more, to white and to #111111.
        "auto": Theme("auto", "none", "#797979", "#797979", "#7979794D", "#2E86C1", "#FFFFFF"),
    }
)


def theme_named(name: ThemeName) -> Theme:
    """Return the theme: `light`, `dark`, or `auto`, which is transparent and readable on both.

    Raises `Invalid` for another name.
    """
    if name not in _THEMES:
        raise Invalid(f"A chart's theme is one of {', '.join(_THEMES)}, not {name!r}.", theme=name)
    return _THEMES[name]
