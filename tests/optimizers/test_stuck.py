"""Runs end as stuck only where rounding hides every fall of the error along the negative gradient.

``pytest -m slow tests/optimizers/test_stuck.py --update-docs`` writes the table of docs/algorithms.md.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import OPTIMIZERS, PROBLEMS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.optimizers.quasi_newton import Pairs

DOCUMENT = Path(__file__).parents[2] / "docs/algorithms.md"
GRID = np.array(list(itertools.product(range(-10, 11), repeat=2)), dtype=float)
KINKED = {"ackley", "bukin"}  # their gradients jump, ackley's at the minimum and bukin's along its valley
LARGEST_TERM = {"griewank": 1.0, "rastrigin": 20.0}  # constants that the formulas subtract: rounding is of their size
SAMPLE = {"booth", "quadratic", "himmelblau", "beale", "brown-badly-scaled", "goldstein-price", "perceptron"}
LINE_SEARCHES = (
    *("golden", "brent", "backtracking", "wolfe", "cg-fr", "cg-pr", "cg-hs", "cg-dy", "bfgs", "dfp", "l-bfgs"),
    *("newton-wolfe", "newton-backtracking", "newton-cg", "powell"),
)


def with_a_search():
    """Return every rule with a search, and every wrapper that searches around momentum, by their names in the table."""
    rules = {f"`{name}`": OPTIMIZERS[name]() for name in LINE_SEARCHES}
    rules["`gauss-newton`, `search: backtracking`"] = OPTIMIZERS["gauss-newton"](search="backtracking")
    searches = [name for name in WRAPPERS if name.startswith("search-") and name != "search-then-converge"]
    return rules | {f"`momentum` with `{name}`": WRAPPERS[name](OPTIMIZERS["momentum"]()) for name in searches}


RULES = with_a_search()


def smooth(rule):
    """Yield the problems with a gradient everywhere that suit a rule."""
    for name in PROBLEMS:
        problem = PROBLEMS[name]()
        if name not in KINKED and not declare.unsuitable(rule, problem):
            yield problem


def follow(rule, problem, starts, epochs, threshold=True):
    """Return the runs from starts in a plane, 0 in the other weights; to the threshold that the problem suggests."""
    starts = np.pad(starts, [(0, 0), (0, len(problem.weights) - 2)])
    known = threshold and None not in (problem.threshold, problem.lowest)
    goal = problem.lowest + problem.threshold if known else None
    return record(iterate(rule, problem, starts, error_threshold=goal, max_epochs=epochs))


def ends_of_the_stuck(runs):
    return np.array([run.weights[-1] for run in runs if run.ending is Ending.STUCK])


def falls(problem, w):
    """Return how far a step along the negative gradient lowers the error at most, as a multiple of its rounding error.

    The steps are up to 1, the longest first trial of all these rules, and down to those that are lost in the weights.
    The rounding error is the largest change of the error among weights nearby that differ in their last 6 bits.
    """
    draw = np.random.default_rng(3)
    with np.errstate(all="ignore"):
        error, g = problem.at(w).error(), problem.at(w).gradient()
        nearby = [problem.at(w + draw.integers(-64, 65, w.shape) * np.spacing(w)).error() for _ in range(100)]
        rounding = np.abs(np.array(nearby) - error).max(axis=0)
        rounding = np.maximum(rounding, np.spacing(np.abs(error) + LARGEST_TERM.get(problem.name, 0.0)))
        longest = np.abs(w).max(axis=1) / np.abs(g).max(axis=1)
        steps = [np.minimum(part * longest, 1.0)[:, None] for part in 10 ** np.arange(-17, 1, 0.05)]
        heights = [problem.at(w - step * g).error() for step in (*steps, *10 ** np.arange(-22, 0.01, 0.05))]
        return (error - np.fmin.reduce(heights)) / rounding


def assert_rounding_explains(rule, problem, w):
    if len(w):
        fall = falls(problem, w)
        worst = np.nanargmax(fall)
        assert fall[worst] <= 8, f"{rule.name} is stuck on {problem.name} at {w[worst].tolist()}"


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_no_run_is_stuck_where_a_step_lowers_the_error(name):
    """Without a threshold, so that runs go on until rounding ends them; on a few problems of very different scale."""
    rule = RULES[name]
    for problem in smooth(rule):
        if problem.name not in SAMPLE:
            continue
        runs = follow(rule, problem, GRID[::37], 60, threshold=False)
        assert_rounding_explains(rule, problem, ends_of_the_stuck(runs))


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_no_run_from_441_starts_is_stuck_where_a_step_lowers_the_error(name):
    rule = RULES[name]
    for problem in smooth(rule):
        runs = follow(rule, problem, GRID, 200, threshold=False)
        assert_rounding_explains(rule, problem, ends_of_the_stuck(runs))


def row(rule):
    """Return, for each problem on which runs end as stuck, how many do and the largest gradient norm at their ends."""
    stuck = []
    for problem in smooth(rule):
        w = ends_of_the_stuck(follow(rule, problem, GRID, 200))
        assert_rounding_explains(rule, problem, w)
        if len(w):
            with np.errstate(all="ignore"):
                norms = np.linalg.norm(problem.at(w).gradient(), axis=1)
            stuck.append(f"{problem.name} {len(w)} ({norms.max():.0e})")
    return ", ".join(stuck)


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_the_table_of_stuck_runs_is_current(name, pytestconfig):
    """Another processor rounds differently, so that a few runs may end differently."""
    before, head, text = DOCUMENT.read_text(encoding="utf-8").partition("## Where searches end a run\n")
    kept = re.search(rf"^\| {re.escape(name)} \| (.*) \|$", text, re.MULTILINE)
    fresh = row(RULES[name])
    if pytestconfig.getoption("update_docs"):
        fresh_row = text.replace(kept[0], f"| {name} | {fresh} |")
        DOCUMENT.write_text(f"{before}{head}{fresh_row}", encoding="utf-8")
        return
    kept_counts, counts = (
        {problem: (int(many), float(norm)) for problem, many, norm in re.findall(r"([\w-]+) (\d+) \((.+?)\)", cell)}
        for cell in (kept[1], fresh)
    )
    for problem in kept_counts.keys() | counts.keys():
        (many, norm), (many_now, norm_now) = (c.get(problem, (0, 0.0)) for c in (kept_counts, counts))
        assert abs(many - many_now) <= 22, problem
        assert norm_now <= 1000 * norm + 1e-6, problem


@pytest.mark.parametrize("name", ["cg-fr", "cg-pr", "cg-hs", "cg-dy"])
def test_a_step_to_the_exact_minimum_is_taken_at_once(name):
    """The negative gradient of matyas at (-4, -4) points at its minimum, where the next direction is rounding error."""
    (run,) = follow(OPTIMIZERS[name](), PROBLEMS["matyas"](), [(-4.0, -4.0)], 200)
    assert (run.ending, run.epochs) == (Ending.REACHED, 1)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (8, 8)


@pytest.mark.parametrize(("name", "settings"), [("bfgs", {}), ("dfp", {"scale": True}), ("l-bfgs", {})])
def test_finds_a_minimum_from_a_hilltop(name, settings):
    """There |g| = 2e-5, so that the first step tells little of how steep the error is further down."""
    (run,) = follow(OPTIMIZERS[name](**settings), PROBLEMS["himmelblau"](), [(-0.270845, -0.923039)], 200)
    assert run.ending is Ending.REACHED


class Crease:
    """E = |w1| + w2², whose gradient at w1 = 0 is that of the right side, and a matrix that makes light of w2."""

    name = "crease"
    weights = ("w1", "w2")
    offers = frozenset({"error", "gradient", "hessian"})
    width = 4

    def at(self, w, spare=None):
        return SimpleNamespace(
            error=lambda: np.abs(w[:, 0]) + w[:, 1] ** 2,
            gradient=lambda: np.stack([np.where(w[:, 0] < 0, -1.0, 1.0), 2 * w[:, 1]], axis=1),
            hessian=lambda: np.tile(np.diag([1.0, 1e12]), (len(w), 1, 1)),
        )


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("cg-fr", {"d": np.array([[-1.0, 0.0]])}),
        ("bfgs", {"H": np.array([[[1.0, 0.0], [0.0, 1e-12]]])}),
        ("dfp", {"H": np.array([[[1.0, 0.0], [0.0, 1e-12]]])}),
        ("l-bfgs", {"pairs": Pairs(np.array([[[0.0, 1e-12]] * 10]), np.array([[[0.0, 1.0]] * 10]))}),
        ("newton-wolfe", {}),
        ("newton-backtracking", {}),
        ("newton-cg", {}),
        ("search-golden", {}),
        ("search-brent", {}),
        ("search-backtracking", {}),
        ("search-wolfe", {}),
    ],
)
def test_a_search_that_fails_moves_nothing_and_the_next_is_along_the_negative_gradient(name, memory):
    """From (0, 2) the first direction is about (-1, 0), where the error rises although the gradient promises a fall."""
    newton = OPTIMIZERS["newton"](penalty=0.0)
    settings = {"l-bfgs": {"scale": False}, "newton-cg": {"forcing": 1e-3}}.get(name, {})
    rule = OPTIMIZERS[name](**settings) if name in OPTIMIZERS else WRAPPERS[name](newton)
    f, start = CountingOracle(Crease(), 1), np.array([[0.0, 2.0]])
    state = rule.begin(start, f)._replace(**memory)
    with np.errstate(all="ignore"):  # as the loop does
        stays, state = rule.advance(start, state, f)
        failed = f.counts()
        moved, _ = rule.advance(stays, state, f)
    assert stays.tolist() == start.tolist()
    assert failed[0, 0] > 10, "the search that fails is not free"
    assert (f.counts() > failed)[0, 0]
    assert f.stuck is None
    assert (moved - start)[0] / moved[0, 0] == pytest.approx((1, 4), rel=1e-9)
    assert Crease().at(moved).error() < 4


@pytest.mark.parametrize("name", ["quadratic", "booth", "matyas"])
@pytest.mark.parametrize("rule", ["cg-fr", "cg-pr", "cg-hs", "cg-dy", "bfgs", "dfp", "l-bfgs"])
def test_every_start_reaches_the_minimum_of_a_convex_quadratic(rule, name):
    runs = follow(OPTIMIZERS[rule](), PROBLEMS[name](), GRID, 200)
    assert {run.ending for run in runs} == {Ending.REACHED}


@pytest.mark.parametrize("name", ["golden", "brent", "search-golden", "search-brent"])
def test_finds_steps_much_shorter_than_the_first_trial(name):
    """Where gradients are as large as 1e12, the best step along them may be 1e-12."""
    rule = OPTIMIZERS[name]() if name in OPTIMIZERS else WRAPPERS[name](OPTIMIZERS["gd"](step=1.0))
    runs = follow(rule, PROBLEMS["brown-badly-scaled"](), GRID[::11], 5)
    assert all(run.errors[1] < run.errors[0] for run in runs)
    assert Ending.STUCK not in {run.ending for run in runs}


@pytest.mark.parametrize("name", [name for name in RULES if "gauss-newton" not in name])
def test_runs_diverge_where_the_error_has_no_lower_bound(name):
    runs = follow(RULES[name], PROBLEMS["saddle"](), [(3.0, -2.0), (-10.0, 1.0)], 1000)
    assert [run.ending for run in runs] == [Ending.DIVERGED] * 2
