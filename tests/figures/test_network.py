"""Test the drawing of networks: units, edges, numbers, and what is left out."""

from __future__ import annotations

import itertools
import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS
from bpviz.experiment import runner
from bpviz.experiment.spec import Algorithm, Experiment
from bpviz.figures import _render, _style
from bpviz.figures._style import Look, Style
from bpviz.figures._themes import THEMES
from bpviz.problems.datasets import Dataset
from bpviz.problems.network.layers import Layer
from bpviz.problems.network.network import Network
from bpviz.problems.perceptron import Perceptron

NEURON = Perceptron(dataset=Dataset("one", ((0.1, 0.3),), (0.03,), ("a", "b")), bias=True, loss="half-mse")
ALGORITHMS = (Algorithm("Slow", OPTIMIZERS["gd"](step=0.01)), Algorithm("Fast", OPTIMIZERS["rprop"]()))


def network(inputs, *layers, loss="mse", target=1.0):
    rng = np.random.default_rng(3)
    dataset = Dataset("two", tuple(map(tuple, rng.normal(size=(2, inputs)))), (0.0, target), ("a",) * inputs)
    return Network(dataset, layers, loss)


SIX = [Layer(units) for units in (2, 3, 4, 3, 2, 1)]
NETWORKS = {
    "2-1": NEURON,
    "2-3": network(2, Layer(3, "softmax"), loss="categorical-cross-entropy"),
    "2-2-1": network(2, Layer(2), Layer(1)),
    "2-3-1": network(2, Layer(3), Layer(1)),
    "3-7-5-4-1": network(3, *(Layer(units, bias=False) for units in (7, 5, 4, 1))),
    "8-8-8-1": network(8, Layer(8), Layer(8), Layer(1)),
    "64-32-10": network(64, Layer(32, "relu"), Layer(10, "softmax"), loss="categorical-cross-entropy", target=9.0),
    "six layers": network(3, *SIX),
    "twenty layers": network(12, *SIX[:-1], *SIX[:-1], *SIX[:-1], *SIX),
}


LOOK = Look()


class Drawn:
    def __init__(self, problem, look=LOOK, **options):
        experiment = Experiment("test", "test", problem, (problem.start,), None, 3, ALGORITHMS, ())
        self.request = FIGURES["network"](**options)
        with _style.using(look), _render._settings_of(look):
            self.data = self.request.data(runner.run(experiment), problem)
            self.figure = _render.BpvizFigure(look.size)
            FigureCanvasAgg(self.figure)
            self.artists = self.request.draw(self.figure, self.data)
            self.figure.draw_without_rendering()

    @property
    def texts(self):
        return [text for text in self.figure.findobj(mpl.text.Text) if text.get_text().strip() and text.get_visible()]

    @property
    def words(self):
        return [text.get_text() for text in self.texts]


CASES = [
    *((name, "light") for name in NETWORKS),
    *itertools.product(("2-2-1", "3-7-5-4-1", "64-32-10"), [theme for theme in THEMES if theme != "light"]),
]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def drawn(request):
    name, theme = request.param
    return Drawn(NETWORKS[name], Look(Style(theme=theme)))


def test_neuron_has_the_published_numbers():
    assert [text.get_text() for text in Drawn(NEURON).artists.units][:2] == ["x1\n0.1", "x2\n0.3"]
    published = Network(NEURON.dataset, (Layer(1),), "half-mse")
    experiment = Experiment("test", "test", published, ((0.5, 0.2, 1.83),), None, 3, ALGORITHMS[:1], ())
    data = FIGURES["network"]().data(runner.run(experiment), published)
    assert data.numbers[2] == pytest.approx((1.94, 0.8743521434846544, 0.09276092558183859), abs=1e-15)
    assert data.weights == pytest.approx((0.5, 0.2, 1.83))
    gradients = (0.009276092558183858, 0.027828277674551576, 0.09276092558183859)
    assert data.gradients == pytest.approx(gradients, abs=1e-15)
    assert data.note == "E = 0.3565, desired output 0.03; gradient check: 9 of 9 derivatives agree"


def test_edges_of_small_networks_carry_their_numbers():
    drawn = Drawn(NETWORKS["2-2-1"])
    words = [text.get_text() for text in drawn.artists.labels]
    named = [("b" if source == -1 else "w") for source in drawn.data.edges[:, 2]]
    expected = [
        re.sub("(?<!e)-", "\N{MINUS SIGN}", f"{name} {weight:.3g}\ndE/d{name} {gradient:.3g}").replace("e-0", "e-")
        for name, weight, gradient in zip(named, drawn.data.weights, drawn.data.gradients, strict=True)
    ]
    assert words == expected
    assert len(words) == 9


def test_edges_of_other_networks_have_width_dashes_and_color():
    drawn = Drawn(NETWORKS["3-7-5-4-1"])
    edges, order = drawn.artists.edges, np.argsort(abs(drawn.data.gradients), kind="stable")
    weights, gradients = drawn.data.weights[order], drawn.data.gradients[order]
    assert not drawn.artists.labels
    assert len(edges.get_segments()) == 80
    np.testing.assert_array_equal(edges.get_array(), gradients)
    dashed = [dashes is not None for _, dashes in edges.get_linestyle()]
    assert dashed == (weights < 0).tolist()
    widths = edges.get_linewidth()
    assert np.argmax(widths) == np.argmax(abs(weights))
    assert np.all(np.diff(np.array(widths)[np.argsort(abs(weights))]) >= 0)
    strongest = edges.to_rgba(np.array([gradients[-1]]))[0, :3]
    assert strongest == pytest.approx(to_rgb("#d55e00" if gradients[-1] > 0 else "#0072b2"), abs=0.01)


def test_edges_lead_from_their_source_to_their_unit():
    drawn = Drawn(NETWORKS["64-32-10"])
    at = {
        (int(layer), int(unit)): text.get_position()
        for (layer, unit), text in zip(drawn.data.places, drawn.artists.units, strict=False)
    }
    order = np.argsort(abs(drawn.data.gradients), kind="stable")
    segments = [drawn.artists.edges.get_segments()[place] for place in np.argsort(order)]
    for (layer, unit, source), (begin, end) in zip(drawn.data.edges.tolist(), segments, strict=True):
        assert tuple(end) == at[layer, unit]
        if source >= 0:
            assert tuple(begin) == at[layer - 1, source]


def test_units_that_are_left_out_are_counted():
    drawn = Drawn(NETWORKS["64-32-10"])
    assert [word for word in drawn.words if "more" in word] == ["⋮\n59 more", "⋮\n27 more", "⋮\n5 more"]
    assert len(drawn.artists.units) == 15 + 2  # the constants 1 of biases
    assert [word for word in Drawn(NETWORKS["8-8-8-1"]).words if "more" in word] == []


def test_layers_that_are_left_out_are_counted():
    drawn = Drawn(NETWORKS["twenty layers"])
    assert drawn.data.layers == [0, 1, 2, 3, 20, 21]
    assert "···\n16 more\nlayers" in drawn.words
    assert {int(layer) for layer in drawn.data.edges[:, 0]} == {1, 2, 3, 20, 21}


def test_headings_name_the_activations():
    assert Drawn(NETWORKS["64-32-10"]).data.headings == ["Inputs\n", "Layer 1\nrelu", "Output\nsoftmax"]


def test_no_text_is_cut_off_or_overlaps(drawn):
    page = drawn.figure.bbox
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn.texts]
    assert not [word for word, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > page.x1 or box.y1 > page.y1]
    overlapping = [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]
    assert not overlapping


def test_boxes_of_units_do_not_overlap(drawn):
    boxes = [text.get_bbox_patch().get_window_extent() for text in drawn.artists.units]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_options_choose_algorithm_epoch_and_sample():
    problem = NETWORKS["2-3-1"]
    title = Drawn(problem, algorithm="rprop", epoch=2, sample=2).data.title
    assert title == "Backpropagation: Fast, epoch 2, sample 2"
    assert Drawn(problem, epoch=9).data.title == "Backpropagation: Slow, epoch 3, sample 1"  # the end of the run
    experiment = Experiment("test", "test", problem, (problem.start,), None, 3, ALGORITHMS, ())
    path = runner.run(experiment).runs[1].weights
    assert Drawn(problem, algorithm="Fast", epoch=2).data.weights.sum() == pytest.approx(path[2].sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "network"),
        ({"epoch": 5, "sample": 2}, "network-epoch=5-sample=2"),
        ({"algorithm": "iRPROP+"}, "network-irprop+"),
    ],
)
def test_file_names(options, name):
    assert FIGURES["network"](**options).file_name() == name


def test_invalid_options():
    def wrong(problem, **options):
        return FIGURES["network"](**options).invalid_options(problem, ["Slow", "gd", "Quickprop"])

    assert wrong(NEURON, algorithm="gd") == []
    message = "network needs a perceptron or a network (the problem is rosenbrock)"
    assert wrong(PROBLEMS["rosenbrock"]()) == [("kind", message)]
    assert wrong(NEURON, sample=2) == [("sample", "expected at most 1 (the samples of the dataset), got 2")]
    assert wrong(NEURON, algorithm="Quikprop") == [
        ("algorithm", "unknown algorithm 'Quikprop'; did you mean 'Quickprop'?")
    ]


def test_many_weights_are_drawn_by_a_few():
    drawn = Drawn(network(3, Layer(300, "relu"), Layer(300, "relu"), Layer(1)))
    assert len(drawn.artists.edges.get_segments()) == 5 * 3 + 5 + 25 + 5 + 5 + 1
    assert re.search(r"295 more", " ".join(drawn.words))
