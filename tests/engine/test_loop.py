"""The loop: when runs end and as what, and what listeners see."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record


def runs(name, problem, starts, *, error_threshold=None, max_epochs=1000, block=None, varied=None, **settings):
    optimizer = OPTIMIZERS[name](**settings)
    epochs = iterate(
        optimizer,
        problem,
        starts,
        error_threshold=error_threshold,
        max_epochs=max_epochs,
        block=block,
        varied=varied,
    )
    return record(epochs)


def test_a_run_ends_at_the_first_epoch_at_or_below_the_threshold(bowl, follow):
    """On the bowl from (1, 1) with step 0.2 the error is 2 · 0.64ᵗ + 8 · 0.04ᵗ; the threshold is exactly the third."""
    whole = follow("gd", bowl, (1, 1), step=0.2, max_epochs=10)
    assert whole.errors[:3] == pytest.approx([10, 1.28 + 0.32, 0.8192 + 0.0128], rel=1e-14)
    at = follow("gd", bowl, (1, 1), step=0.2, error_threshold=whole.errors[3])
    assert (at.epochs, at.ending, at.final_error) == (3, Ending.REACHED, whole.errors[3])
    just_below = follow("gd", bowl, (1, 1), step=0.2, error_threshold=np.nextafter(whole.errors[3], 0))
    assert just_below.epochs == 4
    in_company = runs("gd", bowl, [(40, 50), (1, 1), (-9, 2)], step=0.2, error_threshold=whole.errors[3])
    assert (in_company[1].epochs, in_company[1].ending) == (3, Ending.REACHED)


def test_the_start_may_be_below_the_threshold(bowl):
    near, far = runs("gd", bowl, [(3, -1), (1, 1)], step=0.2, error_threshold=1)
    assert (near.epochs, near.ending, near.counts.tolist()) == (0, Ending.REACHED, [[0] * 5])
    assert (far.epochs, far.ending) == (2, Ending.REACHED)


def test_a_run_ends_where_the_ground_is_level(bowl):
    """On the bowl from (1, 1) with step 0.2 the gradient is (-2 · 0.8ᵗ, 8 · 0.2ᵗ): 1.32 long after two epochs."""
    rest = {"error_threshold": None, "max_epochs": 50, "gradient_threshold": 1.33}
    starts = [(1, 1), (40, 50), (3, -1)]
    epochs = [0.0 + abs(complex(-2 * 0.8**t, 8 * 0.2**t)) for t in range(4)]
    assert next(t for t, length in enumerate(epochs) if length <= 1.33) == 2
    level, far, there = record(iterate(OPTIMIZERS["gd"](step=0.2), bowl, starts, **rest))
    assert (level.epochs, level.ending) == (2, Ending.LEVEL)
    assert (far.ending, there.epochs, there.ending) == (Ending.LEVEL, 0, Ending.LEVEL)
    for start, run in zip(starts, (level, far, there), strict=True):
        (alone,) = record(iterate(OPTIMIZERS["gd"](step=0.2), bowl, [start], **rest))
        assert (alone.epochs, alone.weights.tobytes(), alone.ending) == (run.epochs, run.weights.tobytes(), run.ending)
        assert run.evaluations["gradient"] == run.epochs  # evaluations of the loop are not counted


def test_an_error_at_the_threshold_counts_before_level_ground(bowl):
    rest = {"error_threshold": 1e-3, "gradient_threshold": 1.0, "max_epochs": 5}
    (run,) = record(iterate(OPTIMIZERS["gd"](), bowl, [(3, -1)], **rest))
    assert run.ending is Ending.REACHED


def test_epochs_run_out(bowl, follow):
    run = follow("gd", bowl, (1, 1), step=0.01, error_threshold=1e-9, max_epochs=7)
    assert (run.epochs, run.ending) == (7, Ending.EXHAUSTED)


def test_reaching_the_threshold_in_the_last_epoch_is_reaching_it(six_points, follow):
    run = follow("gd", six_points, (-4, -4), error_threshold=0.125, max_epochs=797)
    assert (run.epochs, run.ending) == (797, Ending.REACHED)
    run = follow("gd", six_points, (-4, -4), error_threshold=0.125, max_epochs=796)
    assert (run.epochs, run.ending) == (796, Ending.EXHAUSTED)


@pytest.mark.parametrize("threshold", [None, 0.0])
def test_without_a_threshold_even_an_error_of_zero_runs_on(threshold, bowl):
    """None means: all epochs. A threshold of 0 is reached by an error of 0, which gradient descent keeps at (3, -1)."""
    (run,) = runs("gd", bowl, [(3, -1)], error_threshold=threshold, max_epochs=4)
    assert (run.final_error, run.epochs) == (0, 4 if threshold is None else 0)


def test_divergence_leaves_the_neighbors_alone(bowl):
    """Step 1e6 multiplies w1's distance to the minimum by -999999 an epoch and w2's by -3999999.

    Its square overflows when the distance passes 1.3e154: after 24 epochs. The error is then infinite, not the weights.
    """
    step = np.array([0.2, 1e6, 0.2])
    starts = [(1, 1), (1, 1), (5, -3)]
    stable, wild, other = runs("gd", bowl, starts, varied={"step": step}, max_epochs=100)
    assert (wild.ending, wild.epochs, wild.final_error) == (Ending.DIVERGED, 24, np.inf)
    assert np.isfinite(wild.errors[:-1]).all()
    assert (stable.epochs, other.epochs) == (100, 100)
    assert stable.weights.tobytes() == runs("gd", bowl, starts[:1], step=0.2, max_epochs=100)[0].weights.tobytes()
    (alone,) = runs("gd", bowl, [(1, 1)], step=1e6, max_epochs=100)
    assert (alone.ending, alone.epochs) == (Ending.DIVERGED, 24)


def test_a_start_that_overflows_is_divergence_at_epoch_zero(bowl):
    over, nan, fine = runs("gd", bowl, [(1e200, 0), (np.nan, 0), (1, 1)], max_epochs=3)
    assert (over.epochs, over.ending) == (nan.epochs, nan.ending) == (0, Ending.DIVERGED)
    assert fine.epochs == 3


@pytest.mark.parametrize("company", [[], [(1, 1)]])
def test_infinite_weights_are_divergence_even_where_the_error_is_finite(company, six_points):
    """An infinite sum only saturates a sigmoid: at (inf, 1) all predictions are 1 and the error is 1/2."""
    over, *_ = runs("gd", six_points, [(np.inf, 1), *company], max_epochs=3)
    assert (over.epochs, over.ending, over.final_error) == (0, Ending.DIVERGED, 0.5)


def test_large_weights_are_not_divergence(bowl, follow):
    """The quick check for overflow adds squares; numbers whose squares are finite must pass whatever it sees."""
    run = follow("gd", bowl, (1e150, -1e150), step=0.01, max_epochs=5)
    assert (run.epochs, run.ending) == (5, Ending.EXHAUSTED)


def test_a_run_that_reaches_the_threshold_where_it_gets_stuck_has_reached_it(bowl):
    """At (3, -1) golden search finds nothing lower, but the error 0 is at the threshold before it searches."""
    (run,) = runs("golden", bowl, [(3, -1)], error_threshold=0.0)
    assert (run.epochs, run.ending) == (0, Ending.REACHED)


@pytest.mark.parametrize("block", [1, 2, 3, 5, 100])
def test_every_epoch_of_every_run_is_seen_once_and_in_order(block, bowl):
    """Whatever travels with it: number 0, 1, 2, ... up to the one in which the run ends; the clock is the block's."""
    starts = [(1, 1), (3, -1), (40, 50), (2, 0), (3, 1)]
    seen = {run: [] for run in range(5)}
    ended = {}
    optimizer = OPTIMIZERS["gd"](step=0.2)
    for epoch in iterate(optimizer, bowl, starts, error_threshold=1, max_epochs=6, block=block):
        assert len(epoch.run) <= block
        assert epoch.w.shape == (len(epoch.run), 2)
        assert epoch.error.shape == epoch.start_clock.shape == epoch.run.shape
        for run, number in zip(epoch.run.tolist(), (epoch.clock - epoch.start_clock).tolist(), strict=True):
            if run not in ended:
                seen[run].append(number)
        if epoch.ended:
            rows, endings = epoch.ended
            for run, ending in zip(epoch.run[rows].tolist(), endings.tolist(), strict=True):
                assert run not in ended
                ended[run] = tuple(Ending)[ending]
    assert {run: numbers[-1] for run, numbers in seen.items()} == {0: 2, 1: 0, 2: 6, 3: 1, 4: 1}
    assert all(numbers == list(range(len(numbers))) for numbers in seen.values())
    assert ended == {i: Ending.EXHAUSTED if i == 2 else Ending.REACHED for i in range(5)}


def test_block_sizes_agree_on_a_map_of_starts(six_points):
    """Many runs through small blocks: fresh starts join others half-way, and each still has its own epochs."""
    side = np.linspace(-6, 6, 9)
    starts = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    by_block = {
        block: [
            (run.epochs, run.ending, run.weights.tobytes(), run.counts.tobytes())
            for run in runs("irprop+", six_points, starts, error_threshold=0.125, max_epochs=60, block=block)
        ]
        for block in (4, 10, 1000)
    }
    assert by_block[4] == by_block[10] == by_block[1000]
    assert len({epochs for epochs, *_ in by_block[4]}) > 10


def test_no_starts_no_epochs(six_points):
    assert runs("gd", six_points, np.empty((0, 2))) == []


def test_starts_are_left_as_they_are(six_points):
    starts = np.array([(-4.0, -4.0), (1.0, 2.0)])
    starts.flags.writeable = False
    before = starts.copy()
    runs("momentum", six_points, starts, max_epochs=3)
    assert (starts == before).all()


def test_what_listeners_saw_does_not_change_afterwards(six_points):
    """Listeners may keep an Epoch's arrays: the loop never writes on them again."""
    kept = []
    for epoch in iterate(
        OPTIMIZERS["golden"](), six_points, [(-4, -4), (-1.2, 1), (2, 0)], error_threshold=0.05, max_epochs=8, block=2
    ):
        arrays = (epoch.w, epoch.error, epoch.run, epoch.start_clock)
        kept.append((arrays, [a.copy() for a in arrays]))
    for arrays, copies in kept:
        for a, copy in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(a, copy)


def wrapped(step, multiple, decay):
    return WRAPPERS["exponential"](WRAPPERS["constant"](OPTIMIZERS["gd"](step=step), multiple=multiple), decay=decay)


def test_settings_of_the_rule_and_of_each_wrapper_can_vary_between_runs(bowl):
    """``with.0`` is the innermost wrapper; each run is the one of an optimizer with its settings."""
    steps, multiples, decays = (0.1, 0.2, 0.1, 0.1), (1.0, 1.0, 0.5, 1.0), (0.9, 0.9, 0.9, 0.8)
    varied = {"step": steps, "with.0.multiple": multiples, "with.1.decay": decays}
    rest = {"error_threshold": None, "max_epochs": 5}
    together = record(iterate(wrapped(9.0, 9.0, 0.5), bowl, [(1, 1)] * 4, varied=varied, **rest))
    for run, *settings in zip(together, steps, multiples, decays, strict=True):
        (alone,) = record(iterate(wrapped(*settings), bowl, [(1, 1)], **rest))
        assert run.weights.tobytes() == alone.weights.tobytes()
    assert len({run.weights.tobytes() for run in together}) == 4


@pytest.mark.usefixtures("forgotten")
def test_a_rule_can_limit_the_number_of_runs_in_its_block(bowl):
    """With and without a wrapper. Optimizers of libraries need it."""

    @declare.optimizer("pair", needs="error")
    class Pair:
        max_block_size = 2

        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            return w + 1, state

    for optimizer in (Pair(), WRAPPERS["lookahead"](Pair())):
        for block, rows in ((None, 2), (1, 1), (5, 2)):
            epochs = iterate(optimizer, bowl, [(1, 1)] * 5, error_threshold=None, max_epochs=3, block=block)
            assert max(len(epoch.run) for epoch in epochs) == rows


def test_a_gradient_threshold_needs_a_gradient(bowl, landscape):
    flat = landscape(lambda w: (w**2).sum(axis=1), 2)
    rest = {"error_threshold": None, "max_epochs": 2}
    with pytest.raises(ValueError, match="gradient_threshold requires a gradient, which the problem landscape does"):
        next(iterate(OPTIMIZERS["nelder-mead"](), flat, [(1, 1)], gradient_threshold=0.1, **rest))
    with pytest.raises(ValueError, match="gd requires gradient, which the problem landscape does not provide"):
        next(iterate(OPTIMIZERS["gd"](), flat, [(1, 1)], gradient_threshold=0.1, **rest))
    assert len(list(iterate(OPTIMIZERS["nelder-mead"](), flat, [(1, 1)], **rest))) == 3
    assert len(list(iterate(OPTIMIZERS["nelder-mead"](), bowl, [(1, 1)], gradient_threshold=1e-9, **rest))) == 3


@pytest.mark.usefixtures("forgotten")
def test_a_reason_is_given_in_the_epoch_in_which_the_run_ends(bowl):
    @declare.optimizer("giving-up", needs="error")
    class GivingUp:
        def begin(self, w, f):
            return ()

        def advance(self, w, state, f):
            f.cannot_go_on(w[:, 0] == 1, "too near")
            return w - 1, state

    starts = [(1, 0), (3, 0), (9, 0), (9, 0), (9, 0)]
    epochs = list(iterate(GivingUp(), bowl, starts, error_threshold=None, max_epochs=4))
    assert [dict(epoch.why) for epoch in epochs] == [{}, {0: "too near"}, {}, {1: "too near"}, {}]
    assert [run.why for run in record(epochs)] == ["too near", "too near", "", "", ""]
