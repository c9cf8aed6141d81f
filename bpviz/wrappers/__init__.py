"""What goes around an update rule: schedules, clipping, decay, mini-batches, lookahead, line searches."""
