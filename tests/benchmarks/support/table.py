"""A table of measured values beside what they are compared with, and whether each bar holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row", "print_table"]


@dataclass(frozen=True)
class Row:
    """One value. `bar` is the bound on `ratio` if there is one, else on `value`; `at_least` turns it round."""

    name: str
    value: float
    unit: str
    against: str = ""
    other: float | None = None
    bar: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the other one."""
        return self.value / self.other if self.other else None

    @property
    def holds(self) -> bool | None:
        """Say whether the bar holds; None without a bar."""
        if self.bar is None:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return measured >= self.bar if self.at_least else measured <= self.bar

    def cells(self) -> list[str]:
        """Return the cells of the table's line."""
        sign = ">=" if self.at_least else "<="
        times = "x" if self.other else ""
        return [
            self.name,
            f"{self.value:.3g} {self.unit}",
            self.against,
            "" if self.other is None else f"{self.other:.3g}",
            "" if self.ratio is None else f"{self.ratio:.2f}x",
            "" if self.bar is None else f"{sign} {self.bar:g}{times}",
            {True: "OK", False: "MISS", None: ""}[self.holds],
        ]


def print_table(rows: list[Row]) -> None:
    """Print the rows in columns."""
    head = ["measurement", "ATT", "against", "theirs", "ratio", "bar", ""]
    table = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
