"""What the arguments of analyses and charts may be: the same in the kernel and over every surface."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from att.errors import Invalid

__all__ = ["Growth", "MinRuns", "OutageShare", "Probability", "Quantile", "Ratio", "Rows", "check"]

MinRuns = Annotated[int, Field(ge=1, le=100_000, description="Below it a test is 'insufficient'.")]
OutageShare = Annotated[
    float, Field(gt=0, le=1, description="Share of failing tests above which a run is an outage and proves nothing.")
]
Quantile = Annotated[float, Field(gt=0, lt=1, description="Quantile of the durations to rank by.")]
Ratio = Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)]
Growth = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False, description="Seconds.")]
Probability = Annotated[float, Field(gt=0, le=1, description="Most probability that it is chance.")]
Rows = Annotated[int, Field(ge=1, le=1000, description="Most rows of a chart.")]

_ALLOWED: dict[str, Any] = {
    "min_runs": MinRuns,
    "outage_share": OutageShare,
    "q": Quantile,
    "min_ratio": Ratio,
    "min_delta_seconds": Growth,
    "max_p": Probability,
    "limit": Rows,
}


def check(**given: float) -> None:
    """Raise Invalid for the first argument that lies outside what it may be, naming it and what it may be."""
    for name, value in given.items():
        try:
            TypeAdapter(_ALLOWED[name]).validate_python(value)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise Invalid(f"{name}: {problem}, not {value!r}.", argument=name) from None
