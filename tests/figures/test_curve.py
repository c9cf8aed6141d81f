"""The curve of a problem with one weight shows the error, and every epoch as a move on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpviz.config import Algorithm, Experiment
from bpviz.declare import FIGURES, OPTIMIZERS
from bpviz.experiment import runner
from bpviz.figures import _render
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

# The mean of (2 w - 3)² / 2 is a parabola with its minimum at 1.5; the threshold of the perceptron is not used.
PARABOLA = Perceptron(activation="linear", dataset=Dataset("one", ((2.0,),), (3.0,), ("a",)))


def drawn(*steps: float, start: float = -1.0, epochs: int = 30, threshold: float | None = None, **options: Any) -> Any:
    """Return results of gradient descent on the parabola, the data of the figure, its artists and the figure."""
    algorithms = tuple(Algorithm(f"{step:g}", OPTIMIZERS["gd"](step=step)) for step in steps)
    results = runner.run(Experiment("t", "t", PARABOLA, ((start,),), threshold, epochs, algorithms, ()))
    kind = FIGURES["curve"](**options)
    data = kind.data(results, PARABOLA)
    figure = _render.drawn(kind, data)
    return results, data, kind.draw(figure, data), figure


def test_curve_is_the_error() -> None:
    _, data, artists, figure = drawn(0.1)
    w, error = artists.curve.get_data()
    scale = error[0] / (2 * w[0] - 3) ** 2  # half, or the mean over one sample
    assert scale in (pytest.approx(0.5), pytest.approx(1.0))
    np.testing.assert_allclose(error, scale * (2 * w - 3) ** 2, atol=1e-12)
    assert data.minimum[0, 0] == pytest.approx(1.5, abs=0.01)
    assert figure.axes[0].get_xlabel() == "First weight"


def test_every_epoch_is_a_line_between_points_of_the_curve() -> None:
    results, _, artists, _ = drawn(0.1, 0.22)
    for run, line, end in zip(results.runs, artists.lines, artists.ends, strict=True):
        path = np.column_stack([run.trajectory.weights[:, 0], run.trajectory.errors])
        moves = line.get_xydata().reshape(-1, 3, 2)
        np.testing.assert_array_equal(moves[:, 0], path[:-1])
        np.testing.assert_array_equal(moves[:, 1], path[1:])
        assert end.get_xydata().tolist() == [path[-1].tolist()]
    assert artists.starts.get_xydata()[0, 0] == -1


def test_thousands_of_tiny_epochs_are_one_line_without_arrows() -> None:
    results, _, artists, _ = drawn(1e-4, epochs=3000)
    assert len(results.runs[0].trajectory.errors) == 3001
    assert len(artists.arrows[0].X) == 0
    assert len(artists.lines[0].get_xydata()) == 9000


def test_diverging_run_leaves_the_plot_and_is_said_to() -> None:
    _, data, _, figure = drawn(0.1, 0.6, epochs=60)
    (_, right), (_, top) = data.window
    assert right < 7
    assert top < 100
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:2] == ["0.1 (60 epochs)", "0.6 (60 epochs, leaves the plot)"]


@pytest.mark.parametrize(("threshold", "shown"), [(0.5, True), (1e6, False), (None, False)])
def test_threshold_is_a_horizontal_line_if_it_is_near(threshold: float | None, shown: bool) -> None:
    _, data, artists, _ = drawn(0.1, threshold=threshold, epochs=5)
    assert (artists.threshold is not None) is shown
    if shown:
        assert list(artists.threshold.get_ydata()) == [threshold] * 2
        assert data.window[1][0] < threshold < data.window[1][1]


def test_limits_can_be_given() -> None:
    _, data, _, figure = drawn(0.1, x=[-3, 1])
    assert figure.axes[0].get_xlim() == (-3, 1)
    assert len(data.minimum) == 0  # the minimum at 1.5 is outside
    assert FIGURES["curve"](x=[-3, 1]).file_name() == "curve-x=-3_1"


def test_weights_whose_range_overflows_are_cut() -> None:
    _, data, _, _ = drawn(0.1, start=1e308, epochs=3)
    assert np.isfinite(data.window).all()
