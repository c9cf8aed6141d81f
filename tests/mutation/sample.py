"""Keep a random sample of the mutants of a cosmic-ray session, and skip those that no test can kill.

``python tests/mutation/sample.py SESSION [--most N]`` keeps one random mutant per place in the code, and at most N. No
test can kill mutants in annotations, which are never evaluated, and in ``if TYPE_CHECKING``.
"""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from cosmic_ray.tools.filters.filter_app import FilterApp
from cosmic_ray.work_item import MutationSpec, WorkerOutcome, WorkItem, WorkResult

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from cosmic_ray.work_db import WorkDB


@cache
def unkillable(path: Path) -> list[ast.AST]:
    """Return the annotations of a module and its blocks for type checkers."""

    def parts() -> Iterator[ast.AST | None]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.arg | ast.AnnAssign):
                yield node.annotation
            elif isinstance(node, ast.FunctionDef):
                yield node.returns
            elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                yield node

    return [part for part in parts() if part is not None]


def killable(mutation: MutationSpec) -> bool:
    def contains(node: ast.AST) -> bool:
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        return start <= mutation.start_pos < end

    return not any(map(contains, unkillable(mutation.module_path)))


class Sample(FilterApp):
    def description(self) -> str:
        return __doc__.partition("\n")[0]

    def add_args(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--most", type=int, help="largest number of mutants to keep")

    def filter(self, work_db: WorkDB, args: argparse.Namespace) -> None:
        pending = work_db.pending_work_items  # in random order
        places: dict[object, WorkItem] = {}
        for item in pending:
            (mutation,) = item.mutations
            if killable(mutation):
                places[mutation.module_path, mutation.start_pos] = item
        kept = list(places.values())
        random.shuffle(kept)
        keep = {item.job_id for item in kept[: args.most]}
        skip = [item.job_id for item in pending if item.job_id not in keep]
        work_db.set_multiple_results(skip, WorkResult(WorkerOutcome.SKIPPED, "not in the sample"))
        print(f"{len(keep)} of {len(pending)} mutants")


if __name__ == "__main__":
    sys.exit(Sample().main())
