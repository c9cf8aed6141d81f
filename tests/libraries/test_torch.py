"""Optimizers of torch.optim: their paths equal those of a plain loop and the recorded ones."""

from __future__ import annotations

import inspect
import pickle
import re

import numpy as np
import pytest
from comparison import compare
from record import families

from bpviz import declare
from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "bpviz[torch]"')

REFUSED = {"Muon", "SparseAdam"}
NAMES = sorted(
    name
    for name, thing in vars(torch.optim).items()
    if inspect.isclass(thing) and issubclass(thing, torch.optim.Optimizer) and thing is not torch.optim.Optimizer
)
over_names = pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
CASES = {case.call: (family, case) for family, cases in families().items() for case in cases if case.library == "torch"}
RECORDED = [
    pytest.param(family, case, id=call)
    for call, (family, case) in CASES.items()
    if case.name in NAMES and not case.reads
]


@pytest.mark.parametrize(("family", "case"), RECORDED)
def test_matches_the_recorded_path_at_every_update(family, case):
    own = case._replace(rule=f"torch:{case.name}", settings=case.arguments)
    for compared in compare(family, own):
        assert compared.parted is None, compared


def by_hand(counted_problem, name, start, epochs, **arguments):
    """Return the rows of a plain loop of torch and the counts at each."""
    torch.set_default_dtype(torch.float64)
    try:
        w = torch.tensor(start, requires_grad=True)
        optimizer = getattr(torch.optim, name)([w], **arguments)
        rows, counts = [np.array(start)], [counted_problem.evaluation_counts()]

        def closure():
            at = w.detach().numpy().copy()
            w.grad = torch.tensor(counted_problem.gradient(at))
            return torch.tensor(counted_problem.error(at))

        for _ in range(epochs):
            if name == "LBFGS":
                optimizer.step(closure)
            else:
                w.grad = torch.tensor(counted_problem.gradient(w.detach().numpy()))
                optimizer.step()
            rows.append(w.detach().numpy().copy())
            counts.append(counted_problem.evaluation_counts())
    finally:
        torch.set_default_dtype(torch.float32)
    return np.array(rows), np.array(counts)


@over_names
def test_path_and_counts_match_a_plain_loop(name, counted_problem, problem_starts, run_alone):
    for problem, start in problem_starts:
        counted = counted_problem(declare.PROBLEMS[problem]())
        rows, counts = by_hand(counted, name, start, 30)
        run = run_alone(f"torch:{name}", problem, start, 30)
        finite = np.isfinite(run.errors)
        assert finite[:-1].all()
        np.testing.assert_array_equal(run.weights, rows[: len(run.weights)], f"{problem} from {start}")
        np.testing.assert_array_equal(run.counts, counts[: len(run.counts)])


def test_closure_evaluates_its_own_run_only(counted_problem, six_points):
    """Three runs of L-BFGS with a line search: each has the counts of a run alone."""
    starts = [(-4.0, -4.0), (-6.0, 2.0), (3.0, -2.0)]
    settings = {"line_search_fn": "strong_wolfe", "max_iter": 4}
    optimizer = OPTIMIZERS["torch:LBFGS"](**settings)
    runs = record(iterate(optimizer, six_points, starts, error_threshold=None, max_epochs=5))
    for start, run in zip(starts, runs, strict=True):
        rows, counts = by_hand(counted_problem(six_points), "LBFGS", start, 5, **settings)
        np.testing.assert_array_equal(run.weights, rows)
        np.testing.assert_array_equal(run.counts, counts)
    assert len({tuple(run.counts[-1]) for run in runs}) == 3


def test_torch_s_adam_is_adam(run_alone, problem_starts):
    for problem, start in problem_starts:
        theirs = run_alone(OPTIMIZERS["torch:Adam"](lr=0.1), problem, start, 60)
        ours = run_alone(OPTIMIZERS["adam"](step=0.1), problem, start, 60)
        np.testing.assert_allclose(theirs.weights, ours.weights, 1e-11, 1e-13)
        np.testing.assert_array_equal(theirs.counts, ours.counts)


def test_torch_s_rprop_is_irprop_minus(run_alone, six_points):
    """Equal at every epoch, with the limits of torch; rprop differs, although its number of epochs is similar."""
    theirs = run_alone(OPTIMIZERS["torch:Rprop"](lr=0.1), six_points, (-4.0, -4.0), 40)
    limits = {"step": 0.1, "min_step": 1e-6, "max_step": 50}
    ours = run_alone(OPTIMIZERS["irprop-"](**limits), six_points, (-4.0, -4.0), 40)
    other = run_alone(OPTIMIZERS["rprop"](**limits), six_points, (-4.0, -4.0), 40)
    np.testing.assert_allclose(theirs.weights, ours.weights, 1e-12)
    assert np.abs(theirs.weights - other.weights).max() > 0.1


@over_names
def test_is_batch_invariant(name, check_batch_invariance):
    check_batch_invariance(OPTIMIZERS[f"torch:{name}"](lr=0.3), epochs=15)


def test_sweep_gives_each_run_its_own_value(six_points, run_alone):
    kind, rates = OPTIMIZERS["torch:Adam"], [0.1, 0.3, 1.0]
    starts = [(-4.0, -4.0)] * 3
    runs = record(iterate(kind(), six_points, starts, error_threshold=None, max_epochs=9, varied={"lr": rates}))
    for rate, run in zip(rates, runs, strict=True):
        np.testing.assert_array_equal(run.weights, run_alone(kind(lr=rate), six_points, starts[0], 9).weights)
    assert len({run.weights.tobytes() for run in runs}) == 3


@over_names
def test_needs_match_the_evaluations(name, run_alone):
    run = run_alone(f"torch:{name}", "rosenbrock", (-1.2, 1.0), 3)
    assert {kind for kind, count in run.evaluations.items() if count} == OPTIMIZERS[f"torch:{name}"].needs


def test_uses_doubles_and_restores_the_settings(six_points):
    """NAdam and ASGD store scalars in torch's default type, which would be single precision."""
    assert torch.get_default_dtype() is torch.float32
    for name in ("NAdam", "ASGD"):
        epochs = iterate(OPTIMIZERS[f"torch:{name}"](), six_points, [(-4.0, -4.0)], error_threshold=None, max_epochs=9)
        for _ in epochs:
            assert torch.get_default_dtype() is torch.float32
    with pytest.raises(ValueError, match="learning rate"):
        OPTIMIZERS["torch:Adam"](lr=-1)
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


class Averaging(torch.optim.Optimizer):
    """Schedule-free gradient descent: gradients at y, evaluation at x; ``train`` and ``eval`` swap the two."""

    def __init__(self, params, lr=0.1, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta})
        self.trains = False

    def _swap(self, trains, factor):
        if self.trains != trains:
            (w,) = self.param_groups[0]["params"]
            with torch.no_grad():
                w.lerp_(self.state[w].setdefault("z", w.detach().clone()), factor)
        self.trains = trains

    def train(self):
        self._swap(True, 1 - self.param_groups[0]["beta"])

    def eval(self):
        self._swap(False, 1 - 1 / self.param_groups[0]["beta"])

    @torch.no_grad()
    def step(self, closure=None):
        assert self.trains
        (w,) = self.param_groups[0]["params"]
        state, lr, beta = self.state[w], self.param_groups[0]["lr"], self.param_groups[0]["beta"]
        t = state["t"] = state.get("t", 0) + 1
        x = (w - (1 - beta) * state["z"]) / beta
        state["z"] -= lr * w.grad
        x += (state["z"] - x) / t
        w.copy_(beta * x + (1 - beta) * state["z"])


def test_reports_the_evaluation_weights(monkeypatch, counted_problem, six_points):
    """y ← β x + (1 - β) z, z ← z - η ∇E(y), x ← x + (z - x) / t, as in the paper, in plain floats."""
    monkeypatch.setattr(torch.optim, "Averaging", Averaging, raising=False)
    starts = [(-4.0, -4.0), (3.0, -2.0)]
    runs = record(
        iterate(OPTIMIZERS["torch:Averaging"](lr=2.0), six_points, starts, error_threshold=None, max_epochs=20)
    )
    for start, run in zip(starts, runs, strict=True):
        counted, x, z, rows = counted_problem(six_points), list(start), list(start), [start]
        for t in range(1, 21):
            y = [0.9 * a + 0.1 * b for a, b in zip(x, z, strict=True)]
            z = [b - 2.0 * g for b, g in zip(z, counted.gradient(y).tolist(), strict=True)]
            x = [a + (b - a) / t for a, b in zip(x, z, strict=True)]
            rows.append(tuple(x))
        np.testing.assert_allclose(run.weights, rows, 1e-12)
        assert run.evaluations["gradient"] == counted.counts["gradient"] == 20


def test_evaluation_weights_in_blocks_and_under_wrappers(monkeypatch, check_late_entry, move_weights):
    monkeypatch.setattr(torch.optim, "Averaging", Averaging, raising=False)
    check_late_entry(OPTIMIZERS["torch:Averaging"](lr=2.0))
    elsewhere, led, said = move_weights(OPTIMIZERS["torch:Averaging"](lr=2.0))
    np.testing.assert_array_equal(led, elsewhere)
    assert list(said) == [0, 1]
    assert "changed by a wrapper" in said[0]


def test_continues_from_weights_changed_by_a_wrapper(counted_problem, six_points, move_weights):
    """Decoupled weight decay changes the weights in this way."""
    elsewhere, led, said = move_weights(OPTIMIZERS["torch:SGD"](lr=0.3, momentum=0.9))
    assert not said
    counted = counted_problem(six_points)
    for before, start, after in zip(elsewhere, [(-4.0, -4.0), (3.0, -2.0)], led, strict=True):
        expected = before - 0.3 * (counted.gradient(before) + 0.9 * counted.gradient(start))
        np.testing.assert_allclose(after, expected, 1e-14)


def test_wrappers_work_as_around_a_rule(run_alone, problem_starts):
    """Gradient clipping and weight decay give the same path around torch's SGD as around gd."""
    for problem, start in problem_starts:
        runs = []
        for rule in (OPTIMIZERS["torch:SGD"](lr=0.01), OPTIMIZERS["gd"](step=0.01)):
            clipped = WRAPPERS["clip-norm"](rule, largest=0.3)
            decaying = WRAPPERS["weight-decay"](clipped, weight_decay=0.02, convention="paper")
            runs.append(run_alone(decaying, problem, start, 30))
        np.testing.assert_allclose(runs[0].weights, runs[1].weights, 1e-13)
        np.testing.assert_array_equal(runs[0].counts, runs[1].counts)


@pytest.mark.parametrize(("name", "recalls"), [("Adam", False), ("SGD", False), ("LBFGS", True), ("Averaging", True)])
def test_optimizers_that_recall(name, recalls, monkeypatch):
    monkeypatch.setattr(torch.optim, "Averaging", Averaging, raising=False)
    assert OPTIMIZERS[f"torch:{name}"].recalls is recalls


class Fragile(torch.optim.SGD):
    """Fails when the sum of the weights is positive."""

    def step(self, closure=None):
        super().step(closure)
        (w,) = self.param_groups[0]["params"]
        if w.sum() > 0:
            raise RuntimeError("this is enough. And more.")


def test_exception_of_the_library_ends_its_run_only(monkeypatch, six_points):
    monkeypatch.setattr(torch.optim, "Fragile", Fragile, raising=False)
    starts = [(-4.0, -4.0), (3.0, -2.0)]
    runs = record(iterate(OPTIMIZERS["torch:Fragile"](), six_points, starts, error_threshold=None, max_epochs=4))
    assert [(run.ending, run.epochs, run.why) for run in runs] == [
        (Ending.EXHAUSTED, 4, ""),
        (Ending.STUCK, 1, "this is enough"),
    ]


@over_names
def test_settings_are_the_arguments_and_can_be_pickled(name):
    kind = OPTIMIZERS[f"torch:{name}"]
    assert kind is OPTIMIZERS[f"torch:{name}"]
    signature = inspect.signature(getattr(torch.optim, name))
    assert list(declare.fields(kind)) == [name for name in signature.parameters if name != "params"]
    made = kind(lr=0.25)
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert type(again) is kind


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lr": -1}, "torch:Adam: lr: rejected by torch.optim.Adam: Invalid learning rate: -1"),
        ({"lr": "a"}, "torch:Adam: lr: expected a number, got 'a' (learning rate)"),
        ({"betas": [0.9, 2]}, "torch:Adam: betas: rejected by torch.optim.Adam: Invalid beta parameter at index 1: 2"),
        ({"betas": 0.9}, "torch:Adam: betas: expected a list, got 0.9 (argument of torch.optim.Adam)"),
        (
            {"betas": [0.9, {}]},
            ("torch:Adam: betas: item 2: expected a number, true, false, a string or a list, got a mapping"),
        ),
        (
            {"amsgrad": "no"},
            ("torch:Adam: amsgrad: expected true or false, got 'no' (whether to use the AMSGrad variant"),
        ),
        (
            {"differentiable": True, "lr": 0.1},
            "torch:Adam: differentiable: rejected by torch.optim.Adam: a leaf Variable that requires grad is being",
        ),
        (
            {"fused": True, "foreach": True},
            "torch:Adam: rejected by torch.optim.Adam: `fused` and `foreach` cannot be `True` together",
        ),
    ],
)
def test_rejected_settings_show_the_message_of_torch(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        OPTIMIZERS["torch:Adam"](**settings)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("torch:adam", "unknown optimizer 'torch:adam' of torch.optim; did you mean 'torch:Adam'?"),
        ("torch:RMSProp", "unknown optimizer 'torch:RMSProp' of torch.optim; did you mean 'torch:RMSprop'?"),
        ("torch:Optimizer", f"unknown optimizer 'torch:Optimizer' of torch.optim; use one of {', '.join(NAMES)}"),
        (
            "torch:lr_scheduler",
            f"unknown optimizer 'torch:lr_scheduler' of torch.optim; use one of {', '.join(NAMES)}",
        ),
        ("torch:Muon", "torch:Muon does not support a vector of weights: Muon only supports 2D parameters whereas"),
        (
            "torch:SparseAdam",
            "torch:SparseAdam does not support a vector of weights: SparseAdam does not support dense",
        ),
    ],
)
def test_rejects_names_that_are_not_optimizers_of_a_vector(name, said):
    assert name not in OPTIMIZERS
    with pytest.raises(KeyError) as caught:
        OPTIMIZERS[name]
    assert caught.value.args[0].startswith(said)
