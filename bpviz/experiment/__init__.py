"""Experiments: specification, execution and expected results."""
