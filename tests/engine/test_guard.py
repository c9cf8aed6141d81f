"""Errors of third-party rules and problems: one sentence with the name, the file and line, the epoch and the reason."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bpviz import declare
from bpviz.config import plugins
from bpviz.declare import OPTIMIZERS, PROBLEMS, WRAPPERS, registry
from bpviz.declare.restricted import NAMES
from bpviz.engine.guard import RuleError
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
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
def run_rule(tmp_path, monkeypatch):
    """Return a function that runs a changed rule from (-4, -4) for three epochs."""
    monkeypatch.chdir(tmp_path)

    def run_rule(old, new, runs=1, problem=None):
        assert old in RULE
        (tmp_path / "own.py").write_text(RULE.replace(old, new))
        plugins.load("own.py")
        starts = [(-4.0, -4.0)] * runs
        return record(iterate(OPTIMIZERS["own"](), problem or Perceptron(), starts, error_threshold=None, max_epochs=3))

    return run_rule


BEGIN = "        return (np.zeros_like(w),)\n"
RETURN = "        return w + self.step, state\n"
ASK = "f.gradient(w)"

TWO = "advance must return a tuple (weights, state), got"
LIKE_W = "advance must return weights as a float64 array of shape (1, 2), got"
TUPLE = "the state must be a tuple of arrays, such as (a, b), (a,) or (), got"
OVER_RUNS = "the state must hold arrays with one row per run (1 here), got"
NEEDS = "advance calls f.hessian, but needs= lists only 'gradient'; add it to needs"
SHAPE = "f.gradient takes weights of shape (1, 2), got"
UNKNOWN = "f.gradients: unknown; did you mean gradient?"
KEEP = "w, the state and evaluated arrays must not be modified in place; make new arrays, for example w - step * g"
OUTPUT, TARGET = (f"{KEEP} (ValueError: {what} is read-only)" for what in ("output array", "assignment destination"))

WRONG = [
    # a line of the rule, its replacement, where and when it fails, and the reason
    (RETURN, "        1 / 0\n", ":16), epoch 1", "ZeroDivisionError: division by zero"),
    (RETURN, f"        if late: 1 / 0\n{RETURN}", ":16), epoch 2", "ZeroDivisionError: division by zero"),
    (RETURN, f"        if late: raise SystemExit\n{RETURN}", ":16), epoch 2", "it called sys.exit() (SystemExit)"),
    (RETURN, "        assert False, 'one\\ntwo'\n", ":16), epoch 1", "AssertionError: one two"),
    (RETURN, "        np.linalg.inv(np.zeros((2, 2)))\n", ":16), epoch 1", "LinAlgError: Singular matrix"),
    (BEGIN, "        1 / 0\n", ":11), at the start", "ZeroDivisionError: division by zero"),
    (BEGIN, "        pass\n", "), at the start", f"{TUPLE} None"),
    (BEGIN, "        return w + 0\n", "), at the start", f"{TUPLE} a float64 array of shape (1, 2)"),
    (BEGIN, "        return (0.5,)\n", "), at the start", f"{OVER_RUNS} 0.5"),
    (BEGIN, "        return w, (np.zeros(2),)\n", "), at the start", f"{OVER_RUNS} a float64 array of shape (2,)"),
    (RETURN, "        return w\n", "), epoch 1", f"{TWO} a float64 array of shape (1, 2)"),
    (RETURN, "        return None\n", "), epoch 1", f"{TWO} None"),
    (RETURN, "        return [w, state]\n", "), epoch 1", f"{TWO} a list"),
    (RETURN, "        return w[0], state\n", "), epoch 1", f"{LIKE_W} a float64 array of shape (2,)"),
    (RETURN, f"        if late: w = w[:, :1]\n{RETURN}", "), epoch 2", f"{LIKE_W} a float64 array of shape (1, 1)"),
    (RETURN, "        return w.astype(int), state\n", "), epoch 1", f"{LIKE_W} an int64 array of shape (1, 2)"),
    (RETURN, "        return w.tolist(), state\n", "), epoch 1", f"{LIKE_W} a list"),
    (RETURN, "        return w, state[0]\n", "), epoch 1", f"{TUPLE} a float64 array of shape (1, 2)"),
    (RETURN, f"        w += 1\n{RETURN}", ":16), epoch 1", OUTPUT),
    (RETURN, f"        w[0] = 1\n{RETURN}", ":16), epoch 1", TARGET),
    (RETURN, f"        if late: state[0][:] = 1\n{RETURN}", ":16), epoch 2", TARGET),
    (RETURN, f"        g *= 2\n{RETURN}", ":16), epoch 1", OUTPUT),
    (ASK, "f.hessian(w)", ":14), epoch 1", NEEDS),
    (ASK, "f.gradient(w[0])", ":14), epoch 1", f"{SHAPE} a float64 array of shape (2,)"),
    (ASK, "f.gradient(w.T)", ":14), epoch 1", f"{SHAPE} a float64 array of shape (2, 1)"),
    (ASK, "f.gradient(3)", ":14), epoch 1", f"{SHAPE} 3"),
    (ASK, "f.gradients(w)", ":14), epoch 1", UNKNOWN),
    (ASK, "f.uncounted_errors(w)", ":14), epoch 1", f"f.uncounted_errors: unknown; use one of {', '.join(NAMES)}"),
    (ASK, "f.gradient(w); f.error = 1", ":14), epoch 1", "f.error cannot be set; keep values in the state"),
    (RETURN, "        return w, state, g\n", "), epoch 1", f"{TWO} a tuple of 3"),
    (
        BEGIN,
        "        f.error(w)\n",
        ":11), at the start",
        NEEDS.replace("advance", "begin").replace("hessian", "error"),
    ),
    ("begin(self, w, f)", "begin(self)", "), at the start", "Own.begin() takes 1 positional argument but 3 were given"),
]


@pytest.mark.parametrize(("old", "new", "when", "said"), WRONG)
def test_reports_errors_of_a_rule(run_rule, old, new, when, said):
    with pytest.raises(RuleError) as caught:
        run_rule(old, new)
    assert str(caught.value) == f"own (own.py{when}: {said}"


def test_names_the_file_of_a_rule_that_is_no_plugin(bowl):
    """Such as a rule of an installed package; a rule typed at a prompt has no file."""

    @declare.optimizer("raising", needs="")
    class Raising:
        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            raise KeyError("w3")

    for place in (rf" \({re.escape(__file__)}:\d+\)", ""):
        with pytest.raises(RuleError, match=rf"^raising{place}, epoch 1: KeyError: 'w3'$"):
            list(iterate(Raising(), bowl, [(1, 1)], error_threshold=None, max_epochs=3))
        Raising.__module__ = "no_such_module"


def test_runs_a_rule_without_mistakes(run_rule):
    [run] = run_rule(RETURN, RETURN)
    assert run.weights[:, 0].tolist() == [-4.0, -3.5, -3.0, -2.5]
    assert run.evaluations["gradient"] == 3


def test_passes_on_interrupts_and_other_base_exceptions(run_rule):
    with pytest.raises(KeyboardInterrupt):
        run_rule(RETURN, "        raise KeyboardInterrupt\n")
    with pytest.raises(BaseException, match="halt") as caught:
        run_rule(RETURN, "        raise Stop('halt')\n")
    assert type(caught.value).__name__ == "Stop"


@pytest.mark.parametrize("t", ["memory", "memory[:]; t.flags.writeable = False"])
def test_an_array_that_the_rule_changes_in_place_counts_as_a_new_one(t, run_rule):
    """Its evaluations are counted, and its answers are of its present numbers; the second is a read-only view."""
    text = f"""\
        from bpviz.problems.perceptron import Perceptron
        memory = w.copy(order="F")
        t = {t}
        for trial in range(10):
            memory += 0.1
            g = f.gradient(t)
            assert (g == f.gradient(t)).all()
            assert (g == Perceptron().at(memory.copy(order="F")).gradient()).all()
        return t + 0, state
"""
    [run] = run_rule(RETURN, text)
    assert run.counts[:, 1].tolist() == [0, 11, 22, 33]
    np.testing.assert_array_equal(run.errors, Perceptron().at(np.asfortranarray(run.weights)).error())


def test_an_array_that_the_rule_changes_in_place_is_counted_for_some_runs_too(run_rule):
    text = """\
        t = w.copy()
        for trial in range(10):
            t += 0.1
            f.gradient(t, np.arange(len(w)) == 0)
        return t, state
"""
    # From the second epoch on, the first run has already evaluated its gradient at w.
    first, second = run_rule(RETURN, text, runs=2)
    assert [run.counts[:, 1].tolist() for run in (first, second)] == [[0, 11, 21, 31], [0, 1, 2, 3]]


def test_weights_that_are_changed_in_place_after_an_evaluation_are_judged_as_they_are(run_rule):
    [run] = run_rule(RETURN, "        t = w.copy()\n        f.gradient(t)\n        t += 1\n        return t, state\n")
    assert run.weights[:, 0].tolist() == [-4, -3, -2, -1]
    np.testing.assert_array_equal(run.errors, Perceptron().at(np.asfortranarray(run.weights)).error())


@pytest.mark.parametrize("kind", ["error", "gradient"])
def test_a_rule_cannot_change_the_answers_of_the_loop(kind, run_rule, monkeypatch):
    """Not even a rule that makes arrays writeable again: the answers are copies."""
    monkeypatch.setitem(globals(), "RULE", RULE.replace('needs="gradient"', 'needs="error gradient"'))
    text = f"""\
        f.error(w), f.gradient(w)
        t = w + self.step
        a = f.{kind}(t)
        a = a if a.base is None else a.base
        a[...] = 0
        return t, state
"""
    with pytest.raises(RuleError, match=re.escape(f"epoch 1: {TARGET}")):
        run_rule(RETURN, text)
    [run] = run_rule(RETURN, text.replace("a[...] = 0", "a.flags.writeable = True\n        a[...] = 0"))
    np.testing.assert_array_equal(run.errors, Perceptron().at(np.asfortranarray(run.weights)).error())


IN_PLACE = "advance changed the weights in place; make new arrays, for example w - step * g"


VIEW_OF_A_BUFFER = """\
        memory.append(np.zeros((3, *w.shape)))
        memory[-1][0] = w + 1
        if late: memory[0][0] += 1
        return memory[-1][0], state
"""
VIEW_MADE_BEFORE = """\
        if late: memory[0][0] += 1
        t = w + 1
        memory.append(t[:])
        return t, state
"""


@pytest.mark.parametrize(
    ("new", "when", "said"),
    [
        (VIEW_OF_A_BUFFER, ":18), epoch 2", OUTPUT),
        (VIEW_MADE_BEFORE, "), epoch 2", IN_PLACE),
        ("        w.base[...] = 1\n        return w + 1, state\n", ":16), epoch 1", TARGET),
    ],
)
def test_weights_cannot_be_changed_through_other_arrays(new, when, said, run_rule, monkeypatch):
    monkeypatch.setattr("builtins.memory", [], raising=False)
    with pytest.raises(RuleError) as caught:
        run_rule(RETURN, new)
    assert str(caught.value) == f"own (own.py{when}: {said}"


def test_a_rule_is_handed_the_same_names_inside_a_wrapper(run_rule):
    """The inner rule of each wrapper, on a part of the data or with changed gradients."""
    with pytest.raises(RuleError):
        run_rule(ASK, "f.uncounted_errors(w)")
    for name in ("clip-norm", "mini-batches", "lookahead", "weight-decay", "gradient-noise"):
        wrapped = WRAPPERS[name](OPTIMIZERS["own"]())
        with pytest.raises(
            RuleError, match=re.escape("own (own.py:14), epoch 1: f.uncounted_errors: unknown; use one of")
        ):
            list(iterate(wrapped, Perceptron(), [(-4, -4)], error_threshold=None, max_epochs=1))


def test_keeps_the_exception_as_the_cause(run_rule):
    with pytest.raises(RuleError) as caught:
        run_rule(RETURN, "        1 / 0\n")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_counts_are_the_same_with_and_without_checks(tmp_path, monkeypatch):
    """Of a search that evaluates at w, elsewhere, and at w again: stored answers are not counted again."""
    monkeypatch.chdir(tmp_path)
    text = RULE.replace('needs="gradient"', 'needs="gradient error"').replace(
        RETURN, "        f.error(w), f.error(w + 1), f.error(w), f.gradient(w)\n        return w + 0.5, state\n"
    )
    (tmp_path / "own.py").write_text(text)
    plugins.load("own.py")
    guarded = record(iterate(OPTIMIZERS["own"](), Perceptron(), [(-4, -4)], error_threshold=None, max_epochs=2))[0]
    monkeypatch.setattr(registry, "is_own", lambda thing: True)
    plain = record(iterate(OPTIMIZERS["own"](), Perceptron(), [(-4, -4)], error_threshold=None, max_epochs=2))[0]
    assert guarded.counts.tolist() == plain.counts.tolist() == [[0] * 5, [2, 1, 0, 0, 0], [4, 2, 0, 0, 0]]
    assert guarded.weights.tobytes() == plain.weights.tobytes()


def test_runs_rules_of_this_package_without_checks(six_points):
    """With the plain oracle and the rule itself, and arrays that stay writeable."""
    from bpviz.engine import guard

    rule = OPTIMIZERS["gd"]()
    assert guard.guarded(rule, lambda: 0) is rule
    assert type(guard.oracle(rule, six_points, 3, lambda: 0)) is CountingOracle
    w = np.zeros((1, 2))
    list(iterate(rule, six_points, w, error_threshold=None, max_epochs=2))
    assert w.flags.writeable


def test_finds_a_third_party_rule_within_another(run_rule):
    """As in a wrapper."""
    [run] = run_rule(RETURN, RETURN)
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
        return record(iterate(OPTIMIZERS[rule](), pan, [pan.start], error_threshold=None, max_epochs=3))

    return down


ERROR, GRADIENT = "return x * x + y * y", "return 2 * x, 2 * y"


@pytest.mark.parametrize(
    ("old", "new", "when", "said"),
    [
        (ERROR, "return 1 / 0", ":9), at the start", "ZeroDivisionError: division by zero"),
        (ERROR, "return 1.0", "), at the start", "error must return a float64 array of shape (1,), got 1.0"),
        (
            ERROR,
            "return (x * x)[:, None]",
            "), at the start",
            "error must return a float64 array of shape (1,), got a float64 array of shape (1, 1)",
        ),
        (
            ERROR,
            "return x > 0",
            "), at the start",
            "error must return a float64 array of shape (1,), got a bool array of shape (1,)",
        ),
        (ERROR, "return x / (1 if x[0] > 0.01 else a)", ":9), epoch 1", "NameError: name 'a' is not defined"),
        (
            GRADIENT,
            "return 2 * x",
            "), epoch 1",
            "gradient must return a float64 array of shape (1, 2), got a float64 array of shape (1, 1)",
        ),
        (GRADIENT, "return [].a, y", ":12), epoch 1", "AttributeError: 'list' object has no attribute 'a'"),
        ("return 2.0, 0.0, 2.0", "return 2.0", "), epoch 1", "cannot unpack non-iterable float object"),
    ],
)
def test_reports_errors_of_a_problem(down, old, new, when, said):
    with pytest.raises(RuleError) as caught:
        down(old, new)
    assert str(caught.value) == f"pan (pan.py{when}: {said}"


def test_runs_a_problem_without_mistakes(down):
    [run] = down("2.0, 0.0", "2.0, 0.0", "gd")
    np.testing.assert_allclose(run.weights, [[0.4**t, 2 * 0.4**t] for t in range(4)], rtol=1e-14)
    assert run.evaluations["gradient"] == 3


def test_reports_errors_in_evaluations_for_the_gradient_threshold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pan.py").write_text(PROBLEM.replace("return 2 * x, 2 * y", "return 1 / 0"))
    plugins.load("pan.py")
    epochs = iterate(
        OPTIMIZERS["gd"](), PROBLEMS["pan"](), [(1, 2)], error_threshold=None, max_epochs=3, gradient_threshold=0.1
    )
    with pytest.raises(RuleError, match=re.escape("pan (pan.py:12), at the start: ZeroDivisionError: division by")):
        list(epochs)


def test_finds_a_third_party_problem_within_another(down):
    """As in a penalty."""
    from bpviz.problems.penalty import Penalized

    down("return x * x", "return x * x")
    penalized = Penalized(problem=PROBLEMS["pan"](), l2=0.5)
    [run] = record(iterate(OPTIMIZERS["gd"](), penalized, [(1, 2)], error_threshold=None, max_epochs=1))
    np.testing.assert_allclose(run.weights[1], [1 - 0.3 * 2.5, 2 - 0.3 * 5])
    Path("pan.py").write_text(PROBLEM.replace("return 2 * x, 2 * y", "return 1 / 0"))
    plugins.load("pan.py")
    penalized = Penalized(problem=PROBLEMS["pan"](), l2=0.5)
    with pytest.raises(RuleError, match=re.escape("pan (pan.py:12), epoch 1: ZeroDivisionError: division by zero")):
        list(iterate(OPTIMIZERS["gd"](), penalized, [(1, 2)], error_threshold=None, max_epochs=1))
