"""Wrappers of update rules: schedules, clipping, weight decay, mini-batches, lookahead, line searches."""
