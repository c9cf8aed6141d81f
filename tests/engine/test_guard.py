"""Rules and problems that are not this package's fail with one sentence: which, where, when and how."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bpviz import declare
from bpviz.config import plugins
from bpviz.declare import OPTIMIZERS, PROBLEMS, registry
from bpviz.engine.guard import RuleError
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.engine.results import record
from bpviz.problems.perceptron import Perceptron

pytestmark = pytest.mark.usefixtures("forgotten")

RULE = """\
import numpy as np
from bpviz import hyper, optimizer

class Stop(BaseException): pass

@optimizer("own", needs="gradient")
class Own:
    step: float = hyper(0.5, "(0, inf)", "length of a move")

    def begin(self, w, f):
        return (np.zeros_like(w),)

    def advance(self, w, state, f):
        g = f.gradient(w)
        late = w[0, 0] > -4.0
        return w + self.step, state
"""
PROBLEM = """\
import numpy as np
from bpviz import Function, problem

@problem("pan")
class Pan(Function):
    start, window, minima = (1.0, 2.0), ((-3.0, 3.0), (-3.0, 3.0)), ()

    def error(self, x, y):
        return x * x + y * y

    def gradient(self, x, y):
        return 2 * x, 2 * y

    def hessian(self, x, y):
        return 2.0, 0.0, 2.0
"""


@pytest.fixture
def walk(tmp_path, monkeypatch):
    """Return a function that runs a changed rule from (-4, -4) for three epochs."""
    monkeypatch.chdir(tmp_path)

    def walk(old, new, runs=1, problem=None):
        assert old in RULE
        (tmp_path / "own.py").write_text(RULE.replace(old, new))
        plugins.load("own.py")
        starts = [(-4.0, -4.0)] * runs
        return record(march(OPTIMIZERS["own"](), problem or Perceptron(), starts, error_threshold=None, max_epochs=3))

    return walk


BEGIN = "        return (np.zeros_like(w),)\n"
RETURN = "        return w + self.step, state\n"
ASK = "f.gradient(w)"

TWO = "not two things, the weights and the state"
LIKE_W = "for the weights, not float64 (1, 2)"
TUPLE = "not a tuple of arrays such as (a, b) or (a,) or ()"
OVER_RUNS = "not an array whose first axis is runs, 1 here"
KEEP = "w, the state and the answers must stay as they are; make new arrays, as w - step * g does"
OUTPUT, TARGET = (f"{KEEP} (ValueError: {what} is read-only)" for what in ("output array", "assignment destination"))

WRONG = [
    # a line of the rule, what stands there instead, where and when it goes wrong, and how
    (RETURN, "        1 / 0\n", ":16), epoch 1", "ZeroDivisionError: division by zero"),
    (RETURN, f"        if late: 1 / 0\n{RETURN}", ":16), epoch 2", "ZeroDivisionError: division by zero"),
    (RETURN, f"        if late: raise SystemExit\n{RETURN}", ":16), epoch 2", "it called sys.exit() (SystemExit)"),
    (RETURN, "        assert False, 'one\\ntwo'\n", ":16), epoch 1", "AssertionError: one two"),
    (RETURN, "        np.linalg.inv(np.zeros((2, 2)))\n", ":16), epoch 1", "LinAlgError: Singular matrix"),
    (BEGIN, "        1 / 0\n", ":11), at the start", "ZeroDivisionError: division by zero"),
    (BEGIN, "        pass\n", "), at the start", f"the state is nothing, {TUPLE}"),
    (BEGIN, "        return w + 0\n", "), at the start", f"the state is float64 (1, 2), {TUPLE}"),
    (BEGIN, "        return (0.5,)\n", "), at the start", f"the state holds 0.5, {OVER_RUNS}"),
    (BEGIN, "        return w, (np.zeros(2),)\n", "), at the start", f"the state holds float64 (2,), {OVER_RUNS}"),
    (RETURN, "        return w\n", "), epoch 1", f"advance returns float64 (1, 2), {TWO}"),
    (RETURN, "        return None\n", "), epoch 1", f"advance returns nothing, {TWO}"),
    (RETURN, "        return [w, state]\n", "), epoch 1", f"advance returns a list, {TWO}"),
    (RETURN, "        return w[0], state\n", "), epoch 1", f"advance returns float64 (2,) {LIKE_W}"),
    (RETURN, f"        if late: w = w[:, :1]\n{RETURN}", "), epoch 2", f"advance returns float64 (1, 1) {LIKE_W}"),
    (RETURN, "        return w.astype(int), state\n", "), epoch 1", f"advance returns int64 (1, 2) {LIKE_W}"),
    (RETURN, "        return w.tolist(), state\n", "), epoch 1", f"advance returns a list {LIKE_W}"),
    (RETURN, "        return w, state[0]\n", "), epoch 1", f"the state is float64 (1, 2), {TUPLE}"),
    (RETURN, f"        w += 1\n{RETURN}", ":16), epoch 1", OUTPUT),
    (RETURN, f"        w[0] = 1\n{RETURN}", ":16), epoch 1", TARGET),
    (RETURN, f"        if late: state[0][:] = 1\n{RETURN}", ":16), epoch 2", TARGET),
    (RETURN, f"        g *= 2\n{RETURN}", ":16), epoch 1", OUTPUT),
    (ASK, "f.hessian(w)", ":14), epoch 1", "f.hessian is asked, and needs names gradient"),
    (ASK, "f.gradient(w[0])", ":14), epoch 1", "f.gradient is asked at float64 (2,), not at weights (1, 2)"),
    (ASK, "f.gradient(w.T)", ":14), epoch 1", "f.gradient is asked at float64 (2, 1), not at weights (1, 2)"),
    (ASK, "f.gradient(3)", ":14), epoch 1", "f.gradient is asked at 3, not at weights (1, 2)"),
    (ASK, "f.grad(w)", ":14), epoch 1", "AttributeError: '_GuardedOracle' object has no attribute 'grad'"),
    ("begin(self, w, f)", "begin(self)", "), at the start", "Own.begin() takes 1 positional argument but 3 were given"),
]


@pytest.mark.parametrize(("old", "new", "when", "said"), WRONG)
def test_what_goes_wrong_in_a_rule(walk, old, new, when, said):
    with pytest.raises(RuleError) as caught:
        walk(old, new)
    assert str(caught.value) == f"own (own.py{when}: {said}"


def test_a_rule_that_keeps_to_it_runs_as_others_do(walk):
    [run] = walk(RETURN, RETURN)
    assert run.weights[:, 0].tolist() == [-4.0, -3.5, -3.0, -2.5]
    assert run.evaluations["gradient"] == 3


def test_an_interrupt_and_an_exception_of_its_own_pass_through(walk):
    with pytest.raises(KeyboardInterrupt):
        walk(RETURN, "        raise KeyboardInterrupt\n")
    with pytest.raises(BaseException, match="halt") as caught:
        walk(RETURN, "        raise Stop('halt')\n")
    assert type(caught.value).__name__ == "Stop"


def test_the_exception_itself_is_the_cause(walk):
    with pytest.raises(RuleError) as caught:
        walk(RETURN, "        1 / 0\n")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_guarded_runs_are_billed_as_others_are(tmp_path, monkeypatch):
    """A search that asks at w, elsewhere, and at w again: the answers of a place are not paid twice."""
    monkeypatch.chdir(tmp_path)
    text = RULE.replace('needs="gradient"', 'needs="gradient error"').replace(
        RETURN, "        f.error(w), f.error(w + 1), f.error(w), f.gradient(w)\n        return w + 0.5, state\n"
    )
    (tmp_path / "own.py").write_text(text)
    plugins.load("own.py")
    guarded = record(march(OPTIMIZERS["own"](), Perceptron(), [(-4, -4)], error_threshold=None, max_epochs=2))[0]
    monkeypatch.setattr(registry, "is_own", lambda thing: True)
    plain = record(march(OPTIMIZERS["own"](), Perceptron(), [(-4, -4)], error_threshold=None, max_epochs=2))[0]
    assert guarded.counts.tolist() == plain.counts.tolist() == [[0] * 5, [2, 1, 0, 0, 0], [4, 2, 0, 0, 0]]
    assert guarded.weights.tobytes() == plain.weights.tobytes()


def test_this_package_s_own_pay_nothing(six_points):
    """No other oracle, no other rule, and arrays as they are."""
    from bpviz.engine import guard

    rule = OPTIMIZERS["gd"]()
    assert guard.guarded(rule, lambda: 0) is rule
    assert type(guard.oracle(rule, six_points, 3, lambda: 0)) is Oracle
    w = np.zeros((1, 2))
    list(march(rule, six_points, w, error_threshold=None, max_epochs=2))
    assert w.flags.writeable


def test_a_rule_inside_one_of_this_package_s_is_named(walk):
    """As wrappers hold it."""
    [run] = walk(RETURN, RETURN)
    assert run.epochs == 3
    inner = OPTIMIZERS["own"]()
    outer = OPTIMIZERS["gd"]()
    object.__setattr__(outer, "inner", inner)
    assert list(declare.components(outer)) == [outer, inner]
    from bpviz.engine import guard

    assert re.search("_GuardedRule", repr(guard.guarded(outer, lambda: 0)))


@pytest.fixture
def down(tmp_path, monkeypatch):
    """Return a function that runs Newton's method on a changed problem from (1, 2)."""
    monkeypatch.chdir(tmp_path)

    def down(old, new, rule="newton"):
        assert old in PROBLEM
        (tmp_path / "pan.py").write_text(PROBLEM.replace(old, new))
        plugins.load("pan.py")
        pan = PROBLEMS["pan"]()
        return record(march(OPTIMIZERS[rule](), pan, [pan.start], error_threshold=None, max_epochs=3))

    return down


ERROR, GRADIENT = "return x * x + y * y", "return 2 * x, 2 * y"


@pytest.mark.parametrize(
    ("old", "new", "when", "said"),
    [
        (ERROR, "return 1 / 0", ":9), at the start", "ZeroDivisionError: division by zero"),
        (ERROR, "return 1.0", "), at the start", "error answers 1.0, not float64 (1,)"),
        (ERROR, "return (x * x)[:, None]", "), at the start", "error answers float64 (1, 1), not float64 (1,)"),
        (ERROR, "return x > 0", "), at the start", "error answers bool (1,), not float64 (1,)"),
        (ERROR, "return x / (1 if x[0] > 0.01 else a)", ":9), epoch 1", "NameError: name 'a' is not defined"),
        (GRADIENT, "return 2 * x", "), epoch 1", "gradient answers float64 (1, 1), not float64 (1, 2)"),
        (GRADIENT, "return [].a, y", ":12), epoch 1", "AttributeError: 'list' object has no attribute 'a'"),
        ("return 2.0, 0.0, 2.0", "return 2.0", "), epoch 1", "cannot unpack non-iterable float object"),
    ],
)
def test_what_goes_wrong_in_a_problem(down, old, new, when, said):
    with pytest.raises(RuleError) as caught:
        down(old, new)
    assert str(caught.value) == f"pan (pan.py{when}: {said}"


def test_a_problem_that_keeps_to_it_runs_as_others_do(down):
    [run] = down("2.0, 0.0", "2.0, 0.0", "gd")
    np.testing.assert_allclose(run.weights, [[0.4**t, 2 * 0.4**t] for t in range(4)], rtol=1e-14)
    assert run.evaluations["gradient"] == 3


def test_a_gradient_threshold_asks_the_problem_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pan.py").write_text(PROBLEM.replace("return 2 * x, 2 * y", "return 1 / 0"))
    plugins.load("pan.py")
    epochs = march(
        OPTIMIZERS["gd"](), PROBLEMS["pan"](), [(1, 2)], error_threshold=None, max_epochs=3, gradient_threshold=0.1
    )
    with pytest.raises(RuleError, match=re.escape("pan (pan.py:12), at the start: ZeroDivisionError: division by")):
        list(epochs)


def test_a_problem_inside_one_of_this_package_s_is_named(down):
    """As a penalty holds it."""
    from bpviz.problems.penalty import Penalized

    down("return x * x", "return x * x")
    penalized = Penalized(problem=PROBLEMS["pan"](), l2=0.5)
    [run] = record(march(OPTIMIZERS["gd"](), penalized, [(1, 2)], error_threshold=None, max_epochs=1))
    np.testing.assert_allclose(run.weights[1], [1 - 0.3 * 2.5, 2 - 0.3 * 5])
    Path("pan.py").write_text(PROBLEM.replace("return 2 * x, 2 * y", "return 1 / 0"))
    plugins.load("pan.py")
    penalized = Penalized(problem=PROBLEMS["pan"](), l2=0.5)
    with pytest.raises(RuleError, match=re.escape("pan (pan.py:12), epoch 1: ZeroDivisionError: division by zero")):
        list(march(OPTIMIZERS["gd"](), penalized, [(1, 2)], error_threshold=None, max_epochs=1))
