"""optax's own optimizers: the same path as by hand, and the same as is recorded of them."""

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
from bpviz.engine.loop import march
from bpviz.engine.oracle import Oracle
from bpviz.engine.results import record

optax = pytest.importorskip("optax", reason='optax is not installed: pip install "bpviz[optax]"')
jax = pytest.importorskip("jax", reason='jax is not installed: pip install "bpviz[optax]"')

from bpviz.libraries import _optax  # noqa: E402 - where there is no optax, the rest is skipped

# They want more than error and gradient: gradients of every sample, a Hessian.
REFUSED = {"contrib.dpsgd", "contrib.sophia"}
NAMES = sorted(_optax._optimizers(optax))
RATED = {"learning_rate": 0.01}  # for those that have no default
over_names = pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
CASES = {case.call: (family, case) for family, cases in families().items() for case in cases if case.library == "optax"}


def kind(name):
    return OPTIMIZERS[f"optax:{name}"]


def made(name, **settings):
    lacking = {p.name: 0.01 for p in kind(name).facts.parameters if p.required}
    return kind(name)(**lacking | settings)


def is_its_own_path(case):
    """Tell whether what was recorded is what it reports, by itself: made without anything that a config cannot say."""
    if bool(case.reads) != case.name.startswith("contrib.schedule_free"):
        return False  # where gradients are taken, not where it is judged
    plain = not any(isinstance(value, dict) or name.isdigit() for name, value in case.arguments.items())
    return plain and not case.handed and case.name not in REFUSED


@pytest.mark.parametrize(
    ("family", "case"),
    [pytest.param(family, case, id=case.call) for family, case in CASES.values() if is_its_own_path(case)],
)
def test_it_walks_as_recorded_at_every_update(family, case):
    own = case._replace(rule=f"optax:{case.name}", settings=case.arguments)
    for compared in compare(family, own):
        assert compared.parted is None, compared


def test_which_there_are_and_which_are_refused():
    assert {"adam", "sgd", "lbfgs", "polyak_sgd", "contrib.prodigy", "contrib.schedule_free_adamw"} <= set(NAMES)
    assert not {"scale_by_adam", "clip", "chain", "lookahead", "contrib.schedule_free", "contrib.sam"} & set(NAMES)
    refused = {}
    for name in NAMES:
        try:
            kind(name)
        except KeyError as error:
            refused[name] = error.args[0]
    assert set(refused) == REFUSED
    said = "optax:contrib.sophia cannot be used by itself: obj_fn must be provided to hutchinson update function"
    assert refused["contrib.sophia"] == said
    said = "optax:contrib.dpsgd cannot be used by itself: it wants the gradient of each sample"
    assert refused["contrib.dpsgd"] == said


@over_names
def test_one_equals_many(name, one_equals_many):
    rate = [p for p in declare.fields(kind(name)) if p.endswith("learning_rate")]
    one_equals_many(made(name, **dict.fromkeys(rate, 0.3)), epochs=8, runs=6)


@over_names
def test_needs_are_what_is_asked(name, walk):
    run = walk(made(name), "rosenbrock", (-1.2, 1.0), 3)
    assert {kind for kind, count in run.evaluations.items() if count} == kind(name).needs
    if name != "lbfgs":
        assert set(run.counts[-1].tolist()) == {0, 3}


def test_a_value_that_is_wanted_is_the_error_where_the_gradient_is(answers, six_points, walk):
    """Polyak's step, (E - E*) / |g|², without bpviz."""
    asked, w = answers(six_points), np.array([-4.0, -4.0])
    run = walk("optax:polyak_sgd", six_points, w, 20)
    for epoch in range(21):
        np.testing.assert_allclose(run.weights[epoch], w, 1e-12)
        g = asked.gradient(w)
        w = w - min(asked.error(w) / (g @ g), 1.0) * g


def test_a_search_asks_for_its_own_run_alone(answers, six_points):
    """L-BFGS with its zoom search: each run is charged what it would be charged alone, and walks as it would."""
    starts = [(-4.0, -4.0), (-6.0, 2.0), (3.0, -2.0)]
    runs = record(march(made("lbfgs"), six_points, starts, error_threshold=None, max_epochs=4))
    for start, run in zip(starts, runs, strict=True):
        asked = answers(six_points)
        rows, counts = searched_by_hand(asked, start, 4)
        np.testing.assert_allclose(run.weights, rows, 1e-12)
        np.testing.assert_array_equal(run.counts, counts)
    assert len({tuple(run.counts[-1]) for run in runs}) == 3


def searched_by_hand(asked, start, epochs):
    """Return the rows of optax.lbfgs and what had been asked at each, operation by operation, without compiling."""

    @jax.custom_vjp
    def error(x):
        return jax.numpy.asarray(asked.error(np.asarray(x)))

    def backward(x, of):
        return (of * jax.numpy.asarray(asked.gradient(np.asarray(x))),)

    error.defvjp(lambda x: (error(x), x), backward)
    rows, counts = [np.array(start)], [asked.asked()]
    with jax.enable_x64(True), jax.disable_jit():
        transformation, x = optax.lbfgs(), jax.numpy.asarray(start)
        state = transformation.init(x)
        for _ in range(epochs):
            value, g = optax.value_and_grad_from_state(error)(x, state=state)
            updates, state = transformation.update(g, state, x, value=value, grad=g, value_fn=error)
            x = optax.apply_updates(x, updates)
            rows.append(np.array(x))
            counts.append(asked.asked())
    return np.array(rows), np.array(counts)


def test_what_the_problem_raises_is_raised(six_points, monkeypatch):
    def broken(*_asked):
        raise ZeroDivisionError("in the problem")

    monkeypatch.setattr(Oracle, "_ask", broken)
    for name in ("adam", "lbfgs"):
        with pytest.raises(ZeroDivisionError, match="in the problem"):
            list(march(made(name), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=5))


def test_optax_s_rprop_is_one_epoch_late(walk, six_points):
    """Its first update moves nothing, and its second is the first of irprop-, which is torch's Rprop.

    On the way to 0.125 it takes 20 epochs, as many as rprop, by chance.
    """
    theirs = walk(made("rprop", learning_rate=0.1), six_points, (-4.0, -4.0), 8)
    ours = walk(OPTIMIZERS["irprop-"](step=0.1, min_step=1e-6, max_step=50), six_points, (-4.0, -4.0), 8)
    np.testing.assert_array_equal(theirs.weights[1], theirs.weights[0])
    np.testing.assert_allclose(theirs.weights[2], ours.weights[1], 1e-12)
    assert np.abs(theirs.weights - ours.weights).max() > 0.1


@pytest.mark.parametrize("name", ["contrib.schedule_free_sgd", "adam", "lbfgs"])
def test_runs_enter_a_block_that_is_under_way(name, one_after_the_other):
    one_after_the_other(made(name, **({} if name == "lbfgs" else {"learning_rate": 3.0})))


def test_weights_that_somebody_else_has_moved(answers, six_points, moved):
    elsewhere, led, said = moved(made("sgd", learning_rate=0.3))
    assert not said
    for before, after in zip(elsewhere, led, strict=True):
        np.testing.assert_allclose(after, before - 0.3 * answers(six_points).gradient(before), 1e-14)
    for name in ("contrib.schedule_free_sgd", "lbfgs"):
        elsewhere, led, said = moved(made(name))
        np.testing.assert_array_equal(led, elsewhere)
        assert list(said) == [0, 1]
        assert "moved by something else" in said[0]


def test_each_run_of_a_sweep_has_its_own_value(six_points, walk):
    rates, starts = [0.1, 0.3, 1.0], [(-4.0, -4.0)] * 3
    epochs = march(
        made("adam"), six_points, starts, error_threshold=None, max_epochs=9, varied={"learning_rate": rates}
    )
    for rate, run in zip(rates, record(epochs), strict=True):
        alone = walk(made("adam", learning_rate=rate), six_points, starts[0], 9)
        np.testing.assert_array_equal(run.weights, alone.weights)


def test_doubles_are_used_and_nothing_is_left_behind(six_points):
    x64 = jax.config.jax_enable_x64
    for epoch in march(made("adam"), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=3):
        assert epoch.w.dtype == np.float64
        assert jax.config.jax_enable_x64 == x64


@over_names
def test_settings_are_the_arguments_and_survive_a_process(name):
    optimizer = made(name)
    again = pickle.loads(pickle.dumps(optimizer))
    assert again == optimizer
    assert type(again) is kind(name) is kind(name)
    for field in declare.fields(optimizer).values():
        assert field.complaint(getattr(optimizer, field.name)) is None


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("adam", {"learning_rate": 0.1, "b1": "a"}, "optax:adam: b1: 'a' is not a number (Exponential decay rate to"),
        ("adam", {"learning_rate": "a"}, "optax:adam: learning_rate: optax.adam says: "),
        ("adam", {"learning_rate": [0.1, 0.2]}, "optax:adam: learning_rate: optax.adam says: unsupported operand type"),
        (
            "adam",
            {"learning_rate": 0.1, "mu_dtype": "x"},
            "optax:adam: mu_dtype: optax.adam says: data type 'x' not understood",
        ),
    ],
)
def test_what_optax_refuses_is_refused_in_its_words(name, settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        kind(name)(**settings)


def test_what_goes_around_one_that_lacks_something_is_no_second_mistake():
    with pytest.raises(config.ConfigError) as caught:
        config.loads(b"algorithms: [{name: optax:adamw, with: [clip-norm]}]", "exp.yaml", Path())
    (mistake,) = caught.value.mistakes
    assert (mistake.path, mistake.message) == (
        "algorithms[0].learning_rate",
        "missing; optax.adamw cannot do without it",
    )


@pytest.mark.parametrize(("name", "recalls"), [("adam", False), ("lbfgs", True), ("contrib.schedule_free_sgd", True)])
def test_which_go_on_from_earlier_answers(name, recalls):
    assert kind(name).recalls is recalls


def test_what_is_required_has_to_be_given():
    with pytest.raises(TypeError, match="learning_rate"):
        kind("adamw")()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("optax:Adam", "'optax:Adam' is not an optimizer of optax; did you mean 'optax:adam'?"),
        ("optax:prodigy", "'optax:prodigy' is not an optimizer of optax; did you mean 'optax:contrib.prodigy'?"),
        ("optax:scale_by_adam", f"'optax:scale_by_adam' is not an optimizer of optax; known are {', '.join(NAMES)}"),
    ],
)
def test_unknown_names(name, said):
    assert name not in OPTIMIZERS
    with pytest.raises(KeyError) as caught:
        OPTIMIZERS[name]
    assert caught.value.args[0] == said
