"""Helpers of the tests: they return values and leave judging to the test."""
