"""Optimizers of optax: their paths equal those of a plain loop and the recorded ones."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from comparison import compare
from record import families

from bpviz import config, declare
from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import record

optax = pytest.importorskip("optax", reason='optax is not installed: pip install "bpviz[optax]"')
jax = pytest.importorskip("jax", reason='jax is not installed: pip install "bpviz[optax]"')

from bpviz.libraries import _optax  # noqa: E402 - the module is skipped if optax is not installed

# They need more than error and gradient: per-sample gradients, a Hessian.
REFUSED = {"contrib.dpsgd", "contrib.sophia"}
NAMES = sorted(_optax._optimizers(optax))
RATED = {"learning_rate": 0.01}  # for optimizers without a default
over_names = pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
CASES = {case.call: (family, case) for family, cases in families().items() for case in cases if case.library == "optax"}


def kind(name):
    return OPTIMIZERS[f"optax:{name}"]


def create(name, **settings):
    lacking = {p.name: 0.01 for p in kind(name).facts.parameters if p.required}
    return kind(name)(**lacking | settings)


def is_its_own_path(case):
    """Return whether the recorded path is the reported one and a config can express all its arguments."""
    if bool(case.reads) != case.name.startswith("contrib.schedule_free"):
        return False  # the recorded weights are not the reported ones
    plain = not any(isinstance(value, dict) or name.isdigit() for name, value in case.arguments.items())
    return plain and not case.handed and case.name not in REFUSED


@pytest.mark.parametrize(
    ("family", "case"),
    [pytest.param(family, case, id=case.call) for family, case in CASES.values() if is_its_own_path(case)],
)
def test_matches_the_recorded_path_at_every_update(family, case):
    own = case._replace(rule=f"optax:{case.name}", settings=case.arguments)
    for compared in compare(family, own):
        assert compared.parted is None, compared


def test_supported_and_unsupported_optimizers():
    assert {"adam", "sgd", "lbfgs", "polyak_sgd", "contrib.prodigy", "contrib.schedule_free_adamw"} <= set(NAMES)
    assert not {"scale_by_adam", "clip", "chain", "lookahead", "contrib.schedule_free", "contrib.sam"} & set(NAMES)
    refused = {}
    for name in NAMES:
        try:
            kind(name)
        except KeyError as error:
            refused[name] = error.args[0]
    assert set(refused) == REFUSED
    said = "optax:contrib.sophia is not supported: obj_fn must be provided to hutchinson update function"
    assert refused["contrib.sophia"] == said
    said = "optax:contrib.dpsgd is not supported: it requires per-sample gradients"
    assert refused["contrib.dpsgd"] == said


@over_names
def test_is_batch_invariant(name, check_batch_invariance):
    rate = [p for p in declare.fields(kind(name)) if p.endswith("learning_rate")]
    check_batch_invariance(create(name, **dict.fromkeys(rate, 0.3)), epochs=8, runs=6)


@over_names
def test_needs_match_the_evaluations(name, run_alone):
    run = run_alone(create(name), "rosenbrock", (-1.2, 1.0), 3)
    assert {kind for kind, count in run.evaluations.items() if count} == kind(name).needs
    if name != "lbfgs":
        assert set(run.counts[-1].tolist()) == {0, 3}


def test_value_argument_is_the_error_at_the_weights(counted_problem, six_points, run_alone):
    """Polyak's step, (E - E*) / |g|², computed without bpviz."""
    counted, w = counted_problem(six_points), np.array([-4.0, -4.0])
    run = run_alone("optax:polyak_sgd", six_points, w, 20)
    for epoch in range(21):
        np.testing.assert_allclose(run.weights[epoch], w, 1e-12)
        g = counted.gradient(w)
        w = w - min(counted.error(w) / (g @ g), 1.0) * g


def test_line_search_evaluates_its_own_run_only(counted_problem, six_points):
    """L-BFGS with its zoom line search: each run has the path and the counts of a run alone."""
    starts = [(-4.0, -4.0), (-6.0, 2.0), (3.0, -2.0)]
    runs = record(iterate(create("lbfgs"), six_points, starts, error_threshold=None, max_epochs=4))
    for start, run in zip(starts, runs, strict=True):
        counted = counted_problem(six_points)
        rows, counts = searched_by_hand(counted, start, 4)
        np.testing.assert_allclose(run.weights, rows, 1e-12)
        np.testing.assert_array_equal(run.counts, counts)
    assert len({tuple(run.counts[-1]) for run in runs}) == 3


def searched_by_hand(counted, start, epochs):
    """Return the rows of optax.lbfgs and the counts at each, computed without compilation."""

    @jax.custom_vjp
    def error(x):
        return jax.numpy.asarray(counted.error(np.asarray(x)))

    def backward(x, of):
        return (of * jax.numpy.asarray(counted.gradient(np.asarray(x))),)

    error.defvjp(lambda x: (error(x), x), backward)
    rows, counts = [np.array(start)], [counted.evaluation_counts()]
    with jax.enable_x64(True), jax.disable_jit():
        transformation, x = optax.lbfgs(), jax.numpy.asarray(start)
        state = transformation.init(x)
        for _ in range(epochs):
            value, g = optax.value_and_grad_from_state(error)(x, state=state)
            updates, state = transformation.update(g, state, x, value=value, grad=g, value_fn=error)
            x = optax.apply_updates(x, updates)
            rows.append(np.array(x))
            counts.append(counted.evaluation_counts())
    return np.array(rows), np.array(counts)


def test_exceptions_of_the_problem_propagate(six_points, monkeypatch):
    def broken(*_arguments):
        raise ZeroDivisionError("in the problem")

    monkeypatch.setattr(CountingOracle, "_evaluate", broken)
    for name in ("adam", "lbfgs"):
        with pytest.raises(ZeroDivisionError, match="in the problem"):
            list(iterate(create(name), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=5))


def test_optax_s_rprop_is_one_epoch_late(run_alone, six_points):
    """Its first update is 0, and its second is the first of irprop-, which is torch's Rprop.

    It happens to reach 0.125 after 20 epochs, like rprop.
    """
    theirs = run_alone(create("rprop", learning_rate=0.1), six_points, (-4.0, -4.0), 8)
    ours = run_alone(OPTIMIZERS["irprop-"](step=0.1, min_step=1e-6, max_step=50), six_points, (-4.0, -4.0), 8)
    np.testing.assert_array_equal(theirs.weights[1], theirs.weights[0])
    np.testing.assert_allclose(theirs.weights[2], ours.weights[1], 1e-12)
    assert np.abs(theirs.weights - ours.weights).max() > 0.1


@pytest.mark.parametrize("name", ["contrib.schedule_free_sgd", "adam", "lbfgs"])
def test_runs_can_enter_a_block_later(name, check_late_entry):
    check_late_entry(create(name, **({} if name == "lbfgs" else {"learning_rate": 3.0})))


def test_weights_changed_by_a_wrapper(counted_problem, six_points, move_weights):
    elsewhere, led, said = move_weights(create("sgd", learning_rate=0.3))
    assert not said
    for before, after in zip(elsewhere, led, strict=True):
        np.testing.assert_allclose(after, before - 0.3 * counted_problem(six_points).gradient(before), 1e-14)
    for name in ("contrib.schedule_free_sgd", "lbfgs"):
        elsewhere, led, said = move_weights(create(name))
        np.testing.assert_array_equal(led, elsewhere)
        assert list(said) == [0, 1]
        assert "changed by a wrapper" in said[0]


def test_sweep_gives_each_run_its_own_value(six_points, run_alone):
    rates, starts = [0.1, 0.3, 1.0], [(-4.0, -4.0)] * 3
    epochs = iterate(
        create("adam"), six_points, starts, error_threshold=None, max_epochs=9, varied={"learning_rate": rates}
    )
    for rate, run in zip(rates, record(epochs), strict=True):
        alone = run_alone(create("adam", learning_rate=rate), six_points, starts[0], 9)
        np.testing.assert_array_equal(run.weights, alone.weights)


def test_uses_doubles_and_restores_the_settings(six_points):
    x64 = jax.config.jax_enable_x64
    for epoch in iterate(create("adam"), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=3):
        assert epoch.w.dtype == np.float64
        assert jax.config.jax_enable_x64 == x64


@over_names
def test_settings_are_the_arguments_and_can_be_pickled(name):
    optimizer = create(name)
    again = pickle.loads(pickle.dumps(optimizer))
    assert again == optimizer
    assert type(again) is kind(name) is kind(name)
    for field in declare.fields(optimizer).values():
        assert field.complaint(getattr(optimizer, field.name)) is None


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "adam",
            {"learning_rate": 0.1, "b1": "a"},
            ("optax:adam: b1: expected a number, got 'a' (Exponential decay rate to"),
        ),
        ("adam", {"learning_rate": "a"}, "optax:adam: learning_rate: rejected by optax.adam: "),
        (
            "adam",
            {"learning_rate": [0.1, 0.2]},
            "optax:adam: learning_rate: rejected by optax.adam: unsupported",
        ),
        (
            "adam",
            {"learning_rate": 0.1, "mu_dtype": "x"},
            "optax:adam: mu_dtype: rejected by optax.adam: data type 'x' not understood",
        ),
    ],
)
def test_rejected_settings_show_the_message_of_optax(name, settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        kind(name)(**settings)


def test_missing_setting_of_a_wrapped_optimizer_is_one_mistake():
    with pytest.raises(config.ConfigError) as caught:
        config.loads(b"algorithms: [{name: optax:adamw, with: [clip-norm]}]", "exp.yaml", Path())
    (mistake,) = caught.value.mistakes
    assert (mistake.path, mistake.message) == (
        "algorithms[0].learning_rate",
        "missing (required by optax.adamw)",
    )


@pytest.mark.parametrize(("name", "recalls"), [("adam", False), ("lbfgs", True), ("contrib.schedule_free_sgd", True)])
def test_optimizers_that_recall(name, recalls):
    assert kind(name).recalls is recalls


def test_required_settings_must_be_given():
    with pytest.raises(TypeError, match="learning_rate"):
        kind("adamw")()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("optax:Adam", "unknown optimizer 'optax:Adam' of optax; did you mean 'optax:adam'?"),
        ("optax:prodigy", "unknown optimizer 'optax:prodigy' of optax; did you mean 'optax:contrib.prodigy'?"),
        ("optax:scale_by_adam", f"unknown optimizer 'optax:scale_by_adam' of optax; use one of {', '.join(NAMES)}"),
    ],
)
def test_unknown_names(name, said):
    assert name not in OPTIMIZERS
    with pytest.raises(KeyError) as caught:
        OPTIMIZERS[name]
    assert caught.value.args[0] == said
