"""Trackers: one a file, found by walking this folder. Each is handed what `bpviz run` has written."""
