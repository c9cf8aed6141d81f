"""DoG and DoWG."""

from __future__ import annotations

import math

import numpy as np
import pytest


def _length(v):
    return math.sqrt(sum(x * x for x in v))


def dog(f, x, *, step, epsilon, first_distance, first_distance_is):
    """Ivgi, Hinder & Carmon 2023, (DoG); sum and maximum are recomputed at every t over all points so far."""
    c, x0, points, gradients = step, x, [], []
    r_epsilon = {"relative": first_distance * (1 + _length(x0)), "absolute": first_distance, "step": 0.0}
    while True:
        points.append(x)
        gradients.append(f.gradient(x))
        distances = [_length([a - b for a, b in zip(point, x0, strict=True)]) for point in points]
        r_bar = max(*distances, r_epsilon[first_distance_is])
        eta = r_bar / math.sqrt(sum(_length(g) ** 2 for g in gradients) + epsilon)
        if first_distance_is == "step" and len(points) == 1:
            eta = first_distance
        x = [a - c * eta * b for a, b in zip(x, gradients[-1], strict=True)]
        yield x


def dowg(f, x, *, step, epsilon, first_distance):
    """Khaled, Mishchenko & Jin 2023, Algorithm 1, line by line, with ε."""
    x0, r_bar, v = x, first_distance, 0.0
    while True:
        r_bar = max(_length([a - b for a, b in zip(x, x0, strict=True)]), r_bar)
        gradient = f.gradient(x)
        v = v + r_bar**2 * _length(gradient) ** 2
        eta = r_bar**2 / (math.sqrt(v) + epsilon)
        x = [a - step * eta * b for a, b in zip(x, gradient, strict=True)]
        yield x


TWINS = {"dog": dog, "dowg": dowg}
UNUSUAL = {
    "dog": {"step": 0.6, "epsilon": 0.2, "first_distance": 0.04, "first_distance_is": "absolute"},
    "dowg": {"step": 0.6, "epsilon": 0.2, "first_distance": 0.3},
}
EPOCHS, RTOL = 20, 1e-9  # with the large steps of DoWG, rounding errors grow a hundredfold in about five epochs


def test_first_step_size_can_be_set(six_points, plain, follow):
    settings = {**UNUSUAL["dog"], "first_distance_is": "step"}
    run = follow("dog", six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = dog(plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


def test_two_epochs_of_dog_by_hand(bowl, follow):
    """From (0, 0) with c 2 and α ½: g = (-3, 4) of length 5, so w = -2 (½ / 5) g = (0.6, -0.8), at a distance of 1.

    Then g = (-2.4, 0.8) and G = 25 + 6.4, and the step is 1 / √31.4.
    """
    run = follow("dog", bowl, (0, 0), step=2, first_distance=0.5, max_epochs=2)
    second = (0.6 + 4.8 / math.sqrt(31.4), -0.8 - 1.6 / math.sqrt(31.4))
    assert run.weights[1:] == pytest.approx(np.array([(0.6, -0.8), second]), rel=1e-14)


@pytest.mark.parametrize(
    ("what", "eta"),
    [("relative", 0.6 / 25), ("absolute", 0.1 / 25), ("step", 0.1)],
)
def test_meaning_of_the_first_distance(what, eta, bowl, follow):
    """From (4, 3), 5 away from the origin, g = (1, 16) and ε = 368 makes 25² of ‖g‖²: 0.1 (1 + 5), 0.1, or no r̄."""
    run = follow("dog", bowl, (4, 3), epsilon=368, first_distance=0.1, first_distance_is=what, max_epochs=1)
    assert run.weights[1] == pytest.approx((4 - eta, 3 - 16 * eta), rel=1e-14)


def test_two_epochs_of_dowg_by_hand(bowl, follow):
    """From (0, 0) with c 2, rε ½ and ε ½: v = ¼ 25, √v = 2.5, so w = -2 (¼ / 3) g = (0.5, -2/3), 5/6 away.

    Then g = (-2.5, 4/3), r̄² = 25/36 and v = 6.25 + 25/36 (6.25 + 16/9).
    """
    run = follow("dowg", bowl, (0, 0), step=2, epsilon=0.5, first_distance=0.5, max_epochs=2)
    eta = 2 * 25 / 36 / (math.sqrt(6.25 + 25 / 36 * (6.25 + 16 / 9)) + 0.5)
    second = (0.5 + eta * 2.5, -2 / 3 - eta * 4 / 3)
    assert run.weights[1:] == pytest.approx(np.array([(0.5, -2 / 3), second]), rel=1e-14)


@pytest.mark.parametrize("name", TWINS)
def test_stays_where_the_gradient_is_zero(name, bowl, follow):
    """All sums are 0, 0 / 0 is avoided, and a given first step size moves nothing."""
    settings = [{}, {"first_distance_is": "step"}] if name == "dog" else [{}]
    for given in settings:
        assert follow(name, bowl, (3, -1), max_epochs=3, **given).weights.tolist() == [[3, -1]] * 4


@pytest.mark.parametrize("name", TWINS)
def test_is_invariant_to_the_scale_of_the_error(name, bowl, follow):
    half = type(bowl)(dataset=bowl.dataset, activation="linear", loss="half-mse")
    whole, halved = (follow(name, problem, (1, 1), first_distance=0.1, max_epochs=40) for problem in (bowl, half))
    assert halved.weights == pytest.approx(whole.weights, rel=1e-12)


def test_length_of_the_first_move(unequal, follow):
    for name, distance in (("dog", 0.03 * (1 + math.sqrt(1.44 + 1 + 0.09))), ("dowg", 0.03)):
        run = follow(name, unequal, (-1.2, 1, 0.3), first_distance=0.03, max_epochs=1)
        assert _length(run.weights[1] - run.weights[0]) == pytest.approx(distance, rel=1e-12)
