"""Every promise about speed, measured: `python benchmarks/run.py`, or one of the modules it calls by itself.

Each line compares bpviz with the plainest program that does the same on the same machine at the same time, so only the
ratio means something. Nothing fails here: a busy machine is no mistake.
"""

from __future__ import annotations

from importlib.util import find_spec

import batch
import figures
import march
import rules
import startup
from versus import heading

print(heading())
for benchmark in (startup, figures, batch, march):
    for row in benchmark.rows():
        print(row, flush=True)
if find_spec("torch"):
    for row in rules.rows():
        print(row, flush=True)
else:
    print("rules against torch.optim: skipped, torch is not installed")
