"""Measure all performance targets: `python benchmarks/run.py`. Each benchmark module can also be run alone.

Each row compares bpviz with a minimal baseline that does the same work on the same machine at the same time, so only
the ratios are meaningful. Missing a target is not an error, because the machine may be busy.
"""

from __future__ import annotations

from importlib.util import find_spec

import batch
import figures
import loop
import rules
import startup
from versus import heading

print(heading())
for benchmark in (startup, figures, batch, loop):
    for row in benchmark.rows():
        print(row, flush=True)
if find_spec("torch"):
    for row in rules.rows():
        print(row, flush=True)
else:
    print("rules against torch.optim: skipped (torch is not installed)")
