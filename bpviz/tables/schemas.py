"""Versions of the layouts that programs read; raise one when a change of its layout breaks a reader."""

SUMMARY = 1
"""``summary.json`` and ``run.json``."""

LOCKFILE = 2
"""``bpviz.lock.json``."""

DIFF = 1
"""``bpviz diff --format json``."""

DRIFT = 1
"""``bpviz run --check --format json``."""

CONFORMANCE = 2
"""``bpviz check --format json``."""
