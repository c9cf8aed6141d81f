"""Run update rules in blocks: the loop, the oracle, the evaluation counts and the results."""
