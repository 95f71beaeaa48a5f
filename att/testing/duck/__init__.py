"""The analyses over an exported history in SQL, by DuckDB, in bounded memory: for histories larger than memory."""

from att.testing.duck.history import DuckHistory

__all__ = ["DuckHistory"]
