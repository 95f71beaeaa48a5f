"""Hand a history to other tools: Parquet for analysis at any size, CSV, and the reports CTRF and JUnit."""

from att.testing.exports.ctrf import to_ctrf
from att.testing.exports.junit import to_junit
from att.testing.exports.opening import Engine, open_parquet
from att.testing.exports.parquet import Partition, from_parquet, to_parquet
from att.testing.exports.tables import to_csv

__all__ = [
    "Engine",
    "Partition",
    "from_parquet",
    "open_parquet",
    "to_csv",
    "to_ctrf",
    "to_junit",
    "to_parquet",
]
