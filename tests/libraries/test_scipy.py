"""Methods of scipy.optimize.minimize: the same iterations and counts as without bpviz."""

from __future__ import annotations

import pickle
import re
import threading
import warnings

import numpy as np
import pytest
from comparison import compare
from record import families
from scipy.optimize import minimize
from scipy.optimize._minimize import MINIMIZE_METHODS

from bpviz import declare
from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.libraries._scipy import METHODS, ScipyRun
from bpviz.numerics import linalg

over_methods = pytest.mark.parametrize("method", METHODS)
EPOCHS = 60

_TRUST = {"initial_trust_radius": 0.3, "gtol": 2.0, "maxiter": 3}

# Unusual values of options; each one alone changes the run below.
UNUSUAL = {
    "Nelder-Mead": {
        "maxiter": 30,
        "maxfev": 40,
        "initial_simplex": [[-1.2, 1.0], [0.3, 0.1], [-0.5, -0.5]],
        "xatol": 0.3,
    },
    "Powell": {"xtol": 0.3, "ftol": 0.2, "maxiter": 1, "maxfev": 30, "direc": [[1.0, 0.5], [0.0, 1.0]]},
    "CG": {"gtol": 0.02, "maxiter": 3, "c2": 0.2},
    "BFGS": {"gtol": 0.02, "maxiter": 3, "xrtol": 0.1, "c2": 0.2, "hess_inv0": [[2, 0], [0, 3]]},
    "Newton-CG": {"xtol": 0.3, "maxiter": 2, "c2": 0.2},
    "L-BFGS-B": {"maxcor": 1, "ftol": 0.01, "gtol": 0.02, "maxfun": 8, "maxiter": 3, "maxls": 1},
    "TNC": {"eta": 0.9, "stepmx": 0.3, "accuracy": 0.1, "ftol": 0.1, "maxfun": 9, "scale": [2.0, 1.0]},
    "COBYLA": {"rhobeg": 0.3, "tol": 0.1, "maxiter": 12, "f_target": 0.2},
    "COBYQA": {"maxfev": 12, "maxiter": 4, "f_target": 0.2, "initial_tr_radius": 0.3, "final_tr_radius": 0.1},
    "SLSQP": {"maxiter": 3, "ftol": 0.01},
    "trust-constr": {"xtol": 0.1, "gtol": 0.02, "maxiter": 3, "initial_tr_radius": 0.3},
    "dogleg": _TRUST,
    "trust-ncg": _TRUST,
    "trust-exact": _TRUST,
    "trust-krylov": _TRUST,
}


def directly(counted_problem, method, start, options):
    """Return the rows that ``minimize`` reports when called directly, the counts at each, and its result."""
    rows, counts = [np.array(start)], [[0] * len(declare.KINDS)]
    needs = METHODS[method].needs

    def callback(x, *_rest):
        rows.append(np.array(x))
        counts.append(counted_problem.evaluation_counts())

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = minimize(
            counted_problem.error,
            np.array(start),
            method=method,
            jac=counted_problem.gradient if "gradient" in needs else None,
            hess=counted_problem.hessian if "hessian" in needs else None,
            callback=callback,
            options=options,
        )
    return np.array(rows), np.array(counts), result


@pytest.mark.slow
@over_methods
def test_iterations_and_counts_match_minimize_at_every_epoch(method, counted_problem, problem_starts, run_alone):
    for problem, start in problem_starts:
        counted = counted_problem(declare.PROBLEMS[problem]())
        rows, counts, result = directly(counted, method, start, {})
        run = run_alone(f"scipy:{method}", problem, start, EPOCHS)
        many = min(len(rows) - 1, EPOCHS)
        np.testing.assert_array_equal(run.weights[: many + 1], rows[: many + 1], f"{problem} from {start}")
        np.testing.assert_array_equal(run.counts[: many + 1], counts[: many + 1])
        if run.ending is Ending.STUCK:  # minimize has finished
            assert run.epochs == len(rows)
            np.testing.assert_array_equal(run.weights[-1], result.x)
            assert run.counts[-1].tolist() == counted.evaluation_counts()
            counts_by_kind = run.evaluations
            # nhev is not compared, since it is one too small when a trust region ends.
            assert counts_by_kind["error"] == result.nfev
            assert counts_by_kind["gradient"] == result.get("njev", counts_by_kind["gradient"])
            assert result.message.startswith(run.why)
        else:
            assert run.epochs == EPOCHS


@pytest.mark.slow
@over_methods
def test_options_are_passed_to_minimize(method, counted_problem, run_alone):
    """Each unusual option alone gives the same run as with minimize and has an effect."""
    plain = directly(counted_problem(declare.PROBLEMS["rosenbrock"]()), method, (-1.2, 1.0), {})
    for option, value in UNUSUAL[method].items():
        counted = counted_problem(declare.PROBLEMS["rosenbrock"]())
        array = np.array(value) if isinstance(value, list) else value
        rows, _, result = directly(counted, method, (-1.2, 1.0), {option: array})
        run = run_alone(OPTIMIZERS[f"scipy:{method}"](**{option: value}), "rosenbrock", (-1.2, 1.0), 2000)
        np.testing.assert_array_equal(run.weights, [*rows, result.x], option)
        assert run.counts[-1].tolist() == counted.evaluation_counts()
        assert len(rows) != len(plain[0]) or (rows != plain[0]).any() or result.nfev != plain[2].nfev, option


@pytest.mark.parametrize(
    ("family", "case"),
    [
        pytest.param(family, case, id=call)
        for call, (family, case) in {
            case.call: (family, case) for family, cases in families().items() for case in cases
        }.items()
        if case.library == "scipy" and case.name in METHODS
    ],
)
def test_it_walks_as_recorded_at_every_update(family, case):
    """At every one of the first hundred."""
    for compared in compare(family, case._replace(rule=f"scipy:{case.name}", settings=case.arguments), updates=100):
        assert compared.parted is None, compared


def test_all_methods_of_scipy_are_supported():
    assert sorted(name.lower() for name in METHODS) == sorted(MINIMIZE_METHODS)


LONG = {"COBYLA", "COBYQA", "trust-constr"}  # whose updates take longest; all methods are run by the same code


@pytest.mark.parametrize("method", [pytest.param(m, marks=[pytest.mark.slow] * (m in LONG)) for m in METHODS])
def test_one_equals_many(method, check_batch_invariance):
    check_batch_invariance(OPTIMIZERS[f"scipy:{method}"]())


def test_runs_can_enter_a_block_later(check_late_entry):
    check_late_entry(OPTIMIZERS["scipy:Nelder-Mead"]())


def test_weights_changed_by_a_wrapper(move_weights):
    elsewhere, after, said = move_weights(OPTIMIZERS["scipy:BFGS"]())
    np.testing.assert_array_equal(after, elsewhere)
    assert said == dict.fromkeys((0, 1), "its weights were changed by a wrapper, but it can only continue from its own")


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"gtol": 10.0}, "Optimization terminated successfully"), ({"hess_inv0": np.eye(3).tolist()}, "shapes (3,3) and")],
)
def test_finished_run_repeats_its_message(six_points, options, expected):
    """Further epochs repeat the message and do not wait for the finished thread."""
    optimizer = OPTIMIZERS["scipy:BFGS"](**options)
    f = CountingOracle(six_points, 1)
    w = linalg.block([(-4.0, -4.0)])
    state, said = optimizer.begin(w, f), []
    for _ in range(3):
        w, state = optimizer.advance(w, state, f)
        said.append((f.why.pop(0), w.tolist()))
    assert said == [said[0]] * 3
    assert said[0][0].startswith(expected)


def test_sweep_gives_each_run_its_own_value(six_points, run_alone):
    starts, radii = [(-4.0, -4.0)] * 3, [0.1, 0.3, 1.0]
    kind = OPTIMIZERS["scipy:COBYLA"]
    runs = record(
        iterate(kind(), six_points, starts, error_threshold=None, max_epochs=9, varied={"rhobeg": np.array(radii)})
    )
    for radius, run in zip(radii, runs, strict=True):
        np.testing.assert_array_equal(run.weights, run_alone(kind(rhobeg=radius), six_points, (-4.0, -4.0), 9).weights)
    assert len({run.weights.tobytes() for run in runs}) == 3


@over_methods
def test_needs_match_the_evaluations(method, run_alone):
    run = run_alone(f"scipy:{method}", "rosenbrock", (-1.2, 1.0), 30)
    counted = {kind for kind, count in run.evaluations.items() if count}
    assert counted == OPTIMIZERS[f"scipy:{method}"].needs


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("bpviz")]


@over_methods
def test_threads_end_with_their_runs(method, six_points):
    optimizer = OPTIMIZERS[f"scipy:{method}"]()
    starts = [(-4.0, -4.0), (-6.0, 2.0), (3.0, -2.0)]
    for most in (1, 3, 200):  # runs that exhaust max_epochs, reach the threshold, or finish by themselves
        for threshold in (0.125, None):
            some = starts[:1] if most == 200 else starts  # those of many epochs take seconds
            record(iterate(optimizer, six_points, some, error_threshold=threshold, max_epochs=most))
            assert threads() == []
    epochs = iterate(optimizer, six_points, starts, error_threshold=None, max_epochs=200)
    for _ in range(3):
        epoch = next(epochs)
    assert epoch.clock in (0, 1, 2)
    del epochs  # abandoned before its end
    assert threads() == []


def test_lookahead_restarts_after_a_pull(run_alone, six_points):
    """After five epochs, BFGS restarts halfway back."""
    wrapped = WRAPPERS["lookahead"](OPTIMIZERS["scipy:BFGS"](), every=5, share=0.5)
    ahead = run_alone("scipy:BFGS", six_points, (-4.0, -4.0), 5)
    run = run_alone(wrapped, six_points, (-4.0, -4.0), 7)
    np.testing.assert_array_equal(run.weights[:5], ahead.weights[:5])
    np.testing.assert_allclose(run.weights[5], (ahead.weights[0] + ahead.weights[5]) / 2, 1e-15)
    restarted = run_alone("scipy:BFGS", six_points, run.weights[5], 2)
    np.testing.assert_array_equal(run.weights[5:], restarted.weights)
    assert threads() == []


def test_thread_starts_with_the_first_epoch(six_points):
    epochs = iterate(OPTIMIZERS["scipy:BFGS"](), six_points, [(-4.0, -4.0)], error_threshold=10, max_epochs=5)
    assert next(epochs).ended is not None
    assert threads() == []


def test_exceptions_of_the_problem_propagate(six_points, monkeypatch):
    """The exception is a bug, not an ending, and it ends the thread."""

    def broken(*_arguments):
        raise ZeroDivisionError("in the problem")

    monkeypatch.setattr(CountingOracle, "_evaluate", broken)
    with pytest.raises(ZeroDivisionError, match="in the problem"):
        list(iterate(OPTIMIZERS["scipy:BFGS"](), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=5))
    assert threads() == []


def test_exception_of_the_library_ends_its_run_only(six_points):
    """An initial Hessian for three weights fails when a run with two weights begins."""
    optimizer = OPTIMIZERS["scipy:BFGS"](hess_inv0=np.eye(3).tolist())
    runs = record(iterate(optimizer, six_points, [(-4.0, -4.0), (3.0, -2.0)], error_threshold=None, max_epochs=5))
    for run in runs:
        assert (run.ending, run.epochs) == (Ending.STUCK, 1)
        assert run.why == "shapes (3,3) and (2,) not aligned: 3 (dim 1) != 2 (dim 0)"


def test_memory_that_runs_out_in_the_library_is_no_ending(six_points, monkeypatch):
    monkeypatch.setattr(ScipyRun, "step", lambda *_: np.empty(2**50))
    with pytest.raises(MemoryError):
        list(iterate(OPTIMIZERS["scipy:BFGS"](), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=5))


def test_method_with_a_lock_allows_one_run_at_a_time(six_points):
    """SciPy holds a lock while COBYQA runs; a second run would wait for the first forever."""
    optimizer = OPTIMIZERS["scipy:COBYQA"]()
    assert optimizer.max_block_size == 1
    first = iterate(optimizer, six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=50)
    for _ in range(3):
        next(first)
    (second,) = record(iterate(optimizer, six_points, [(3.0, -2.0)], error_threshold=None, max_epochs=5))
    assert second.ending is Ending.STUCK
    assert second.why == "SciPy allows one run of this method at a time, and another is in progress"
    del first
    (third,) = record(iterate(optimizer, six_points, [(3.0, -2.0)], error_threshold=None, max_epochs=5))
    assert third.ending is Ending.EXHAUSTED


def test_warning_filters_are_restored(six_points):
    before = warnings.filters[:]
    for method in ("BFGS", "trust-constr"):
        record(iterate(OPTIMIZERS[f"scipy:{method}"](), six_points, [(1e153, 1.0)], error_threshold=None, max_epochs=5))
    assert warnings.filters == before


@over_methods
def test_settings_are_the_options_and_can_be_pickled(method):
    kind = OPTIMIZERS[f"scipy:{method}"]
    assert kind is OPTIMIZERS[f"scipy:{method}"]
    assert set(UNUSUAL[method]) <= set(declare.fields(kind))
    assert not {"disp", "callback", "jac", "eps", "bounds"} & set(declare.fields(kind))
    made = kind(**UNUSUAL[method])
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert type(again) is kind
    assert declare.settings(again) == declare.settings(made)


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        (
            "BFGS",
            {"gtol": "small"},
            ("gtol: expected a number, got 'small' (Terminate successfully if gradient norm is less"),
        ),
        ("BFGS", {"c1": 0.95}, "c1: rejected by scipy.optimize.minimize(method='BFGS'): 'c1' and 'c2' do not satisfy"),
        ("BFGS", {"gtol": float("inf")}, "gtol: expected a finite number, got inf (Terminate"),
        (
            "dogleg",
            {"eta": 3},
            "eta: rejected by scipy.optimize.minimize(method='dogleg'): invalid acceptance stringency (",
        ),
        ("Nelder-Mead", {"adaptive": 1}, "adaptive: expected true or false, got 1 (Adapt algorithm parameters"),
        (
            "Nelder-Mead",
            {"initial_simplex": [[1, 2], [3, 4]]},
            "initial_simplex: rejected by scipy.optimize.minimize(method='Nelder-Mead'): `initial_simplex` should be",
        ),
    ],
)
def test_rejected_settings_show_the_message_of_scipy(method, options, said):
    with pytest.raises(ValueError, match=re.escape(f"scipy:{method}: {said}".removesuffix(" ("))):
        OPTIMIZERS[f"scipy:{method}"](**options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scipy:bfgs", "unknown optimizer 'scipy:bfgs' of scipy.optimize.minimize; did you mean 'scipy:BFGS'?"),
        ("scipy:lbfgs", "unknown optimizer 'scipy:lbfgs' of scipy.optimize.minimize; did you mean 'scipy:L-BFGS-B'?"),
        (
            "scipy:xyzzy",
            f"unknown optimizer 'scipy:xyzzy' of scipy.optimize.minimize; use one of {', '.join(sorted(METHODS))}",
        ),
    ],
)
def test_unknown_methods(name, said):
    assert name not in OPTIMIZERS
    with pytest.raises(KeyError) as caught:
        OPTIMIZERS[name]
    assert caught.value.args[0] == said
