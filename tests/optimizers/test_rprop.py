"""RPROP and its three variants."""

from __future__ import annotations

import math

import pytest

AGAINST = dict.fromkeys(("rprop", "irprop+"), "its twin, bit for bit, and the published path")
RTOL = 0  # these rules use signs only, so their weights equal those of the twins bit for bit


def sign(x):
    return (x > 0) - (x < 0)


def rprop(f, w, *, step, increase, decrease, min_step, max_step):
    """Riedmiller & Braun 1993, the algorithm on p. 588; the same in Igel & Hüsken 2003, Table 1 (RPROP+)."""
    n = range(len(w))
    delta, move, previous = [step] * len(w), [0.0] * len(w), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        w = list(w)
        for i in n:
            if previous[i] * g[i] > 0:
                delta[i] = min(delta[i] * increase, max_step)
                move[i] = -sign(g[i]) * delta[i]
                w[i] = w[i] + move[i]
                previous[i] = g[i]
            elif previous[i] * g[i] < 0:
                delta[i] = max(delta[i] * decrease, min_step)
                w[i] = w[i] - move[i]
                move[i] = -move[i]
                previous[i] = 0.0
            else:
                move[i] = -sign(g[i]) * delta[i]
                w[i] = w[i] + move[i]
                previous[i] = g[i]
        yield w


def rprop_minus(f, w, *, step, increase, decrease, min_step, max_step):
    """Igel & Hüsken 2003, Table 2."""
    delta, previous = [step] * len(w), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        w = list(w)
        for i in range(len(w)):
            if previous[i] * g[i] > 0:
                delta[i] = min(delta[i] * increase, max_step)
            elif previous[i] * g[i] < 0:
                delta[i] = max(delta[i] * decrease, min_step)
            w[i] = w[i] - sign(g[i]) * delta[i]
            previous[i] = g[i]
        yield w


def irprop_plus(f, w, *, step, increase, decrease, min_step, max_step):
    """Igel & Hüsken 2003, Table 3."""
    delta, move, previous = [step] * len(w), [0.0] * len(w), [0.0] * len(w)
    error = math.inf
    while True:
        g, error_before, error = f.gradient(w), error, f.error(w)
        w = list(w)
        for i in range(len(w)):
            if previous[i] * g[i] > 0:
                delta[i] = min(delta[i] * increase, max_step)
                move[i] = -sign(g[i]) * delta[i]
                w[i] = w[i] + move[i]
                previous[i] = g[i]
            elif previous[i] * g[i] < 0:
                delta[i] = max(delta[i] * decrease, min_step)
                if error > error_before:
                    w[i] = w[i] - move[i]
                previous[i] = 0.0
            else:
                move[i] = -sign(g[i]) * delta[i]
                w[i] = w[i] + move[i]
                previous[i] = g[i]
        yield w


def irprop_minus(f, w, *, step, increase, decrease, min_step, max_step):
    """Igel & Hüsken 2003, Table 4."""
    delta, previous = [step] * len(w), [0.0] * len(w)
    while True:
        g = f.gradient(w)
        w = list(w)
        for i in range(len(w)):
            if previous[i] * g[i] > 0:
                delta[i] = min(delta[i] * increase, max_step)
            elif previous[i] * g[i] < 0:
                delta[i] = max(delta[i] * decrease, min_step)
                g[i] = 0.0
            w[i] = w[i] - sign(g[i]) * delta[i]
            previous[i] = g[i]
        yield w


TWINS = {"rprop": rprop, "rprop-": rprop_minus, "irprop+": irprop_plus, "irprop-": irprop_minus}
_UNUSUAL = {"step": 0.7, "increase": 1.45, "decrease": 0.3, "min_step": 0.04, "max_step": 0.9}
UNUSUAL = dict.fromkeys(TWINS, _UNUSUAL)


# On the bowl from (1, 1) with initial step 5: g = (-2, 8), so every rule goes to (6, -4), where g = (3, -12) has
# changed both signs and the error has increased from 10 to 22.5. The step becomes 2.5. Then
@pytest.mark.parametrize(
    ("name", "second", "third"),
    [
        # reverts both moves, sets the gradient to 0, and moves by 2.5
        ("rprop", (1, 1), (3.5, -1.5)),
        # the error has increased, so the same
        ("irprop+", (1, 1), (3.5, -1.5)),
        # does not move, then moves by 2.5
        ("irprop-", (6, -4), (3.5, -1.5)),
        # moves by 2.5 at once; there g = (0.5, -2) has the same signs, so the step grows to 3
        ("rprop-", (3.5, -1.5), (0.5, 1.5)),
    ],
)
def test_three_epochs_by_hand_with_increasing_error(name, second, third, bowl, follow):
    run = follow(name, bowl, (1, 1), step=5, max_epochs=3)
    assert run.weights.tolist() == [[1, 1], [6, -4], list(second), list(third)]


# From (1, 1) with initial step 3 they go to (4, -2), where g = (1, -4) has changed both signs but the error has
# decreased from 10 to 2.5. The step becomes 1.5. Then
@pytest.mark.parametrize(
    ("name", "second", "third"),
    [
        ("rprop", (1, 1), (2.5, -0.5)),  # reverts both moves although the error decreased
        ("irprop+", (4, -2), (2.5, -0.5)),  # does not revert them
        ("irprop-", (4, -2), (2.5, -0.5)),  # too
        ("rprop-", (2.5, -0.5), (3.25, -1.25)),  # moves by 1.5; there g = (-0.5, 2) has changed signs again: 0.75
    ],
)
def test_three_epochs_by_hand_with_decreasing_error(name, second, third, bowl, follow):
    run = follow(name, bowl, (1, 1), step=3, max_epochs=3)
    assert run.weights.tolist() == [[1, 1], [4, -2], list(second), list(third)]


def test_equal_error_is_not_an_increase(bowl, follow):
    """With initial step 4, both weights overshoot to the mirrored point (5, -3), where the error is 10 again."""
    run = follow("irprop+", bowl, (1, 1), step=4, max_epochs=3)
    assert run.weights.tolist() == [[1, 1], [5, -3], [5, -3], [3, -1]]


@pytest.mark.parametrize("name", TWINS)
def test_step_sizes_grow_within_their_limits(name, bowl, follow):
    """Far from the minimum all signs are equal: 1, then 1.5, then 2.25 limited to 2."""
    run = follow(name, bowl, (-40, 50), step=1, increase=1.5, max_step=2, max_epochs=4)
    assert run.weights.tolist() == [[-40, 50], [-39, 49], [-37.5, 47.5], [-35.5, 45.5], [-33.5, 43.5]]


@pytest.mark.parametrize("name", TWINS)
def test_weight_with_zero_gradient_stays(name, bowl, follow):
    run = follow(name, bowl, (3, 50), max_epochs=5)
    assert run.weights[:, 0].tolist() == [3] * 6


def test_sign_change_affects_one_weight_only(bowl, follow):
    """From (2, 8) with step 2: w1 overshoots to 4 while w2 continues, 8, 6, 3.6."""
    run = follow("rprop", bowl, (2, 8), step=2, max_epochs=2)
    assert run.weights.tolist() == [[2, 8], [4, 6], [2, 6 - 2 * 1.2]]


@pytest.mark.parametrize(
    ("step", "epochs"),
    [
        # torch.optim.Rprop (2.13.0, float64) is this rule: 17 epochs at first step 0.1 and 16 at 0.3
        (0.1, 17),
        (0.3, 16),
    ],
)
def test_irprop_minus_is_torch_s_rprop(step, epochs, six_points, follow):
    run = follow("irprop-", six_points, (-4, -4), step=step, min_step=1e-6, max_step=50, error_threshold=0.125)
    assert run.epochs == epochs


@pytest.mark.parametrize("name", TWINS)
def test_rejects_min_step_above_max_step(name, follow, bowl):
    with pytest.raises(ValueError, match="min_step") as refusal:
        follow(name, bowl, (1, 1), min_step=20)
    assert str(refusal.value) == f"{name}: min_step: 20 is greater than max_step (10)"
