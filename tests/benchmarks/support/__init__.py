"""What the benchmarks share: rivals to measure against, meters, and the table."""
