"""Test the generated datasets by their geometry."""

from __future__ import annotations

import math

import pytest

from bpviz.problems.data import DATASETS
from bpviz.problems.data.curves import Circles, Moons, Spirals

KINDS = (Moons, Circles, Spirals)


def by_class(data):
    return [[x for x, own in zip(data.features, data.targets, strict=True) if own == target] for target in (0, 1)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [2, 7, 200])
def test_classes_are_balanced_in_every_part(kind, samples):
    targets = kind(samples=samples).dataset().targets
    assert len(targets) == samples
    for end in range(1, samples + 1):
        assert abs(targets[:end].count(0.0) - targets[:end].count(1.0)) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_samples_depend_on_the_seed_alone(kind):
    assert kind(seed=3).dataset() == kind(seed=3).dataset()
    assert kind(seed=3).dataset() != kind(seed=4).dataset()
    assert kind(samples=50, seed=3).dataset().features == kind(samples=80, seed=3).dataset().features[:50]


def test_circles_have_radius_1_and_a_half():
    outer, inner = by_class(Circles(noise=0, samples=400).dataset())
    assert [math.hypot(*x) for x in outer] == pytest.approx([1] * 200)
    assert [math.hypot(*x) for x in inner] == pytest.approx([0.5] * 200)
    for points in (outer, inner):  # in every quarter of the circle
        assert {(x > 0, y > 0) for x, y in points} == {(a, b) for a in (True, False) for b in (True, False)}


def test_moons_are_half_circles_that_reach_into_each_other():
    upper, lower = by_class(Moons(noise=0, samples=400).dataset())
    assert [math.hypot(x, y) for x, y in upper] == pytest.approx([1] * 200)
    assert [math.hypot(x - 1, y - 0.5) for x, y in lower] == pytest.approx([1] * 200)
    assert min(y for _, y in upper) >= 0
    assert max(y for _, y in lower) <= 0.5
    assert max(x for x, _ in upper) > min(x for x, _ in lower)
    assert min(y for _, y in upper) < max(y for _, y in lower)


def test_spirals_are_opposite_with_an_angle_of_3_pi_radius():
    first, second = by_class(Spirals(noise=0, samples=400).dataset())
    for points, turned in ((first, 0), (second, math.pi)):
        for x, y in points:
            r = math.hypot(x, y)
            angle = 3 * math.pi * r + turned
            assert (x, y) == pytest.approx((r * math.cos(angle), r * math.sin(angle)), abs=1e-12)
            assert 0.1 - 1e-12 <= r < 1


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_normal_with_the_given_deviation(kind):
    clean = kind(samples=20_000, noise=0, seed=5).dataset().features
    noisy = kind(samples=20_000, noise=0.3, seed=5).dataset().features
    for axis in (0, 1):
        noise = [(b[axis] - a[axis]) / 0.3 for a, b in zip(clean, noisy, strict=True)]
        n = len(noise)
        # standard errors of mean, variance, skewness and kurtosis of a normal sample
        moments = [math.fsum(x**k for x in noise) / n for k in (1, 2, 3, 4)]
        for moment, expected, variance in zip(moments, (0, 1, 0, 3), (1, 2, 15, 96), strict=True):
            assert moment == pytest.approx(expected, abs=5 * math.sqrt(variance / n))
    first, second = zip(*((b[0] - a[0], b[1] - a[1]) for a, b in zip(clean, noisy, strict=True)), strict=True)
    covariance = math.fsum(a * b for a, b in zip(first, second, strict=True)) / n
    assert covariance == pytest.approx(0, abs=5 * 0.09 / math.sqrt(n))


def test_xor_and_neuron_are_the_published_samples():
    xor = DATASETS["xor"]().dataset()
    assert dict(zip(xor.features, xor.targets, strict=True)) == {(a, b): a ^ b for a in (0, 1) for b in (0, 1)}
    neuron = DATASETS["neuron"]().dataset()
    assert (neuron.features, neuron.targets) == (((0.1, 0.4),), (0.7,))
