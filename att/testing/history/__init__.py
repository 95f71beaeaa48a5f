"""The history of test runs: kept, read, analysed, and loaded from reports."""
