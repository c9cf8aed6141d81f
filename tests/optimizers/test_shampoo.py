"""Shampoo for a vector of weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron


def rotated(H):
    """Return the eigenvalues of a symmetric matrix and its eigenvectors as rows, by Jacobi rotations."""
    n = len(H)
    H, V = [list(row) for row in H], [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(30):
        for p in range(n):
            for q in range(p + 1, n):
                if H[p][q] == 0:
                    continue
                angle = 0.5 * math.atan2(2 * H[p][q], H[q][q] - H[p][p])
                c, s = math.cos(angle), math.sin(angle)
                for row in (*H, *V):  # multiply by the rotation from the right
                    row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
                H[p], H[q] = (
                    [c * a - s * b for a, b in zip(H[p], H[q], strict=True)],
                    [s * a + c * b for a, b in zip(H[p], H[q], strict=True)],
                )
    return [H[i][i] for i in range(n)], [list(column) for column in zip(*V, strict=True)]


def shampoo(f, w, *, step, epsilon):
    """Gupta et al. 2018, Algorithm 2 with k = 1: one matrix H, to the power -1 / (2 k)."""
    n = len(w)
    H = [[epsilon * (i == j) for j in range(n)] for i in range(n)]
    while True:
        g = f.gradient(w)
        H = [[h + a * b for h, b in zip(row, g, strict=True)] for row, a in zip(H, g, strict=True)]
        for length, axis in zip(*rotated(H), strict=True):
            along = sum(a * b for a, b in zip(axis, g, strict=True)) / math.sqrt(length)
            w = [x - step * along * a for x, a in zip(w, axis, strict=True)]
        yield w


TWINS = {"shampoo": shampoo}
UNUSUAL = {"shampoo": {"step": 0.07, "epsilon": 0.2}}
RTOL = 1e-9  # small eigenvalues are differences of large numbers


def test_two_epochs_by_hand(bowl, follow):
    """From (1, 1), where g = (-2, 8): H = 4 I + g gᵀ has g for an eigenvector, with 4 + 68 = 72, so w moves by g / √72.

    With a step of √72 / 4 that is (1, 1) - g / 4 = (1.5, -1), where g = (-1.5, 0): H = (4 + 4 + 2.25, -16; -16, 68).
    """
    run = follow("shampoo", bowl, (1, 1), step=math.sqrt(72) / 4, epsilon=4, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.5, -1), rel=1e-14)
    H = np.array([[10.25, -16], [-16, 68]])
    moved = np.linalg.solve(H, [-1.5, 0])  # H⁻¹ g; for a matrix of two rows √H = (H + √det H) / √(trace H + 2 √det H)
    root = (H + math.sqrt(10.25 * 68 - 256) * np.eye(2)) / math.sqrt(78.25 + 2 * math.sqrt(10.25 * 68 - 256))
    assert run.weights[2] == pytest.approx(run.weights[1] - math.sqrt(72) / 4 * root @ moved, rel=1e-13)


def test_is_adagrad_for_a_single_weight(follow):
    """√(ε + Σ g²) equals Adagrad's divisor with an initial accumulator of ε."""
    problem = Perceptron(dataset=Dataset("three", ((1.0,), (-0.4,), (2.2,)), (0.2, 0.9, 0.3), ("x",)))
    run = follow("shampoo", problem, (1.5,), step=0.1, epsilon=0.01, max_epochs=30)
    other = follow("adagrad", problem, (1.5,), step=0.1, epsilon=1e-300, initial_accumulator=0.01, max_epochs=30)
    assert run.weights == pytest.approx(other.weights, rel=1e-12)


def test_is_invariant_to_rotation(follow):
    """Unlike Adagrad, Shampoo is rotation-invariant: rotating the features by 30 degrees rotates the path."""
    turn = np.array([[math.cos(math.pi / 6), -0.5], [0.5, math.cos(math.pi / 6)]])
    features, targets = np.array([(0.9, -1.7), (0.4, 2.3), (-1.3, 0.6), (0.2, 0.5)]), (0.8, 0.3, 0.45, 0.1)
    paths = {}
    for name in ("shampoo", "adagrad"):
        for axes, start in ((np.eye(2), np.array([-1.2, 1])), (turn, turn @ [-1.2, 1])):
            rows = tuple(map(tuple, (features @ axes.T).tolist()))
            problem = Perceptron(dataset=Dataset("turned", rows, targets, ("x1", "x2")))
            run = follow(name, problem, start.tolist(), step=0.2, max_epochs=30)
            paths.setdefault(name, []).append(run.weights @ axes)
    assert paths["shampoo"][0] == pytest.approx(paths["shampoo"][1], abs=1e-9)
    assert np.abs(paths["adagrad"][0] - paths["adagrad"][1]).max() > 0.1
