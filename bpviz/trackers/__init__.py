"""Experiment trackers, one per file, to which `bpviz export` passes the outputs of `bpviz run`."""
