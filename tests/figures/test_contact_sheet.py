"""Every kind of figure on varied experiments is legible, in every theme.

``pytest tests/figures/test_contact_sheet.py -m slow --contact-sheet DIR`` also writes one page of figures per
experiment, to be looked at.
"""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.image import imread, imsave
from matplotlib.text import Text

from bpviz import config
from bpviz.declare import FIGURES
from bpviz.experiment import runner
from bpviz.figures import _render, _style

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.engine.results import Results

pytestmark = pytest.mark.slow

PUBLISHED = ["gd", "momentum", {"name": "rprop", "step": 0.1}, "irprop+", "golden", "newton"]
ROWS = [[0.9, 0.3, 1], [0.5, 0.3, 1], [0.2, 0.1, 1], [0.7, 0.5, 0], [0.1, 0.8, 0], [0.1, 0.9, 0]]
FAR = [[1e6 + 1e-3 * a, 1e-3 * b, c] for a, b, c in ROWS]
HARD = ["$x$ and \\frac{1}{2} $", "_leading", "Ελληνικά β₁", "<b>&amp;", "W" * 60]


def named(*labels: str) -> list[dict[str, Any]]:
    return [{"name": "gd", "step": 0.2 * i, "label": label} for i, label in enumerate(labels, 1)]


EXPERIMENTS: dict[str, dict[str, Any]] = {
    "published": {"algorithms": PUBLISHED},
    "one algorithm": {"algorithms": ["rprop"], "title": "One algorithm, and a title of the config"},
    "many algorithms": {"algorithms": [*PUBLISHED, "adam", "adagrad", "nesterov", "rmsprop", "adadelta", "bfgs"]},
    "hard labels": {"algorithms": named(*HARD), "max_epochs": 30, "title": "Costs $5 and \\alpha"},
    "several starts": {"algorithms": ["gd", "rprop"], "start": [[-4, -4], [5, 5], [-3, 2]]},
    "many starts": {"algorithms": ["rprop"], "start": [[a, b] for a in (-5, 0, 5) for b in (-5, 0, 5)]},
    "bias": {"algorithms": PUBLISHED, "network": {"bias": True}, "start": [-4, -4, 1]},
    "one weight": {"algorithms": ["gd", "rprop"], "dataset": [[0.2, 1], [0.9, 0], [0.4, 1]], "start": [3]},
    "no epochs": {"algorithms": PUBLISHED, "start": [3, -5]},
    "divergence": {"algorithms": ["gd:step=9", "gd"], "network": {"activation": "linear"}, "error_threshold": 0.2},
    "far features": {"algorithms": ["rprop", "irprop+"], "dataset": {"rows": FAR, "features": ["length in km", "_b"]}},
    "many targets": {
        "algorithms": ["rprop"],
        "dataset": [[i / 9, i * i / 81, i / 10] for i in range(10)],
        "network": {"activation": "linear"},
    },
    "rosenbrock": {"problem": "rosenbrock", "algorithms": ["bfgs", "cg-pr", "adam", "newton"]},
    "himmelblau": {"problem": "himmelblau", "algorithms": ["rprop", "newton"], "title": "Four minima"},
    "six-hump camel": {"problem": "six-hump-camel", "algorithms": ["rprop", "bfgs"], "start": [[1, 1], [-1, 0.5]]},
    "badly scaled": {"problem": "brown-badly-scaled", "algorithms": ["bfgs", "newton"]},
    "ten thousand epochs": {"problem": "beale", "algorithms": ["gd:step=0.001", "adam"], "max_epochs": 10_000},
    "penalty": {"algorithms": PUBLISHED[:3], "penalty": {"l1": 0.01, "l2": 0.1}, "error_threshold": None},
    "a long title": {"algorithms": PUBLISHED[:2], "title": "A title that is so long that it needs lines, " * 3},
    "translated": {
        "algorithms": [{"name": "gd", "color": "crimson"}, {"name": "rprop", "marker": "hexagon"}],
        "labels": {
            "Epoch": "Epoche",
            "Error": "Fehler",
            "{count} epochs": "{count} Epochen",
            "First weight": "Gewicht",
        },
    },
}
THEMES = ("light", "dark", "paper", "slides")


def experiment_of(name: str, theme: str) -> Experiment:
    """Return an experiment with the default options of every kind of figure that fits it."""
    keys = dict(EXPERIMENTS[name])
    keys["algorithms"] = [_entry(algorithm) for algorithm in keys["algorithms"]]
    alone = config.from_mapping({**keys, "figures": []})
    kinds = [kind for kind, cls in FIGURES.items() if not cls().invalid_options(alone.problem, [])]
    return config.from_mapping({**keys, "style": {"theme": theme}, "figures": kinds})


def _entry(algorithm: Any) -> Any:
    """Return ``gd:step=9`` as a mapping."""
    if not isinstance(algorithm, str) or ":" not in algorithm:
        return algorithm
    name, step = algorithm.split(":step=")
    return {"name": name, "step": float(step), "label": f"{name}, step {step}"}


@pytest.mark.parametrize(("name", "theme"), list(zip(EXPERIMENTS, itertools.cycle(THEMES))))
def test_figures_are_legible(name: str, theme: str, pytestconfig: pytest.Config) -> None:
    experiment = experiment_of(name, theme)
    results = runner.run(experiment)
    figures = {request.name: drawn(experiment, request, results) for request in experiment.figures}
    folder = pytestconfig.getoption("contact_sheet")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        pages = [np.asarray(imread(io.BytesIO(_render.png(figure)), format="png")) for figure in figures.values()]
        imsave(Path(folder) / f"{re.sub('[^a-z]+', '-', name)}-{theme}.png", sheet(pages))
    flaws = {kind: flaws_of(figure, kind) for kind, figure in figures.items()}
    assert {kind: found for kind, found in flaws.items() if found} == {}


def drawn(experiment: Experiment, request: Any, results: Results) -> Any:
    look = experiment.look(request)
    with _style.using(look):
        data = request.data(results, experiment.problem)
    figure = _render.drawn(request, data, look)
    figure.draw_without_rendering()
    return figure


def flaws_of(figure: Any, kind: str) -> list[Any]:
    """Return texts that are cut off or overlap another, and axes with a repeated tick label or an offset."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible(figure)]
    page = figure.bbox
    flaws = [
        ("cut off", text) for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > page.x1 or box.y1 > page.y1
    ]
    if kind != "surface":  # in 3D, tick labels of different axes may overlap at a corner
        pairs = itertools.combinations(boxes, 2)
        flaws += [("overlap", one[0], other[0]) for one, other in pairs if overlap(one[1], other[1]) > 2]
    for axes in figure.axes:
        for axis in axes_of(axes):
            labels = [tick.label1.get_text() for tick in seen(axis) if tick.label1.get_text()]
            if len({*labels}) < len(labels) or axis.get_offset_text().get_text():
                flaws.append(("ticks", labels, axis.get_offset_text().get_text()))
    return flaws


def axes_of(axes: Any) -> list[Any]:
    return [getattr(axes, f"{name}axis") for name in ("x", "y", "z") if hasattr(axes, f"{name}axis")]


def seen(axis: Any) -> list[Any]:
    """Return the ticks within the limits of an axis; matplotlib keeps others, too."""
    low, high = sorted(axis.get_view_interval())
    return [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def visible(figure: Any) -> list[Any]:
    """Return the texts that are drawn."""
    hidden = {
        label
        for axes in figure.axes
        for axis in axes_of(axes)
        for tick in axis.get_major_ticks()
        if tick not in seen(axis)
        for label in (tick.label1, tick.label2)
    }
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if text not in hidden]


def overlap(one: Any, two: Any) -> float:
    """Return the overlap of two boxes in pixels, along x or y, whichever is smaller; 0 or less if there is none."""
    return float(min(min(one.x1, two.x1) - max(one.x0, two.x0), min(one.y1, two.y1) - max(one.y0, two.y0)))


def sheet(pictures: list[Any], columns: int = 3) -> Any:
    """Return pictures side by side, in rows, on gray."""
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    wide = max(picture.shape[1] for picture in pictures)
    page = np.full((sum(max(p.shape[0] for p in row) for row in rows), columns * wide, 3), 0.6)
    top = 0
    for row in rows:
        for i, picture in enumerate(row):
            page[top : top + picture.shape[0], i * wide : i * wide + picture.shape[1]] = picture[:, :, :3]
        top += max(picture.shape[0] for picture in row)
    return page
