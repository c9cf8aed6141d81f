"""Generate the page of the test functions and their picture from the registry."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.image
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bpviz import landscape
from bpviz.cli.explain import start_and_minima
from bpviz.config import Algorithm, Experiment
from bpviz.declare import OPTIMIZERS, PROBLEMS, fields
from bpviz.experiment import runner
from bpviz.figures import _contour, _render, _style

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS = [name for name, cls in PROBLEMS.items() if getattr(cls, "weights", ()) == ("x", "y")]
ACROSS, HIGH = 6, 4
INCHES, DPI = (9.6, 7.0), 100


def page() -> str:
    """Return the page, with one section per function."""
    return "\n".join(map(_section, FUNCTIONS))


def _section(name: str) -> str:
    f = PROBLEMS[name]()
    summary, formula, *remarks = inspect.cleandoc(f.__doc__).split("\n\n")
    said = [f"### {name}", summary, f"```text\n{formula}\n```", *(" ".join(remark.split()) for remark in remarks)]
    hypers = [f"- `{h.name}`, {h.default:g} or another number in {h.domain}: {h.meaning}" for h in fields(f).values()]
    if hypers:
        said.append("\n".join(hypers))
    said += [start_and_minima(f), f"Source: {f.source}."]
    return "\n\n".join(said) + "\n"


def draw(path: Path) -> None:
    """Draw every function in its window, with a path of gradient descent with a strong Wolfe line search."""
    with mpl.rc_context(_render._settings(_style.look())):
        figure = Figure(INCHES, dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        rooms = {"left": 0.01, "right": 0.99, "top": 0.965, "bottom": 0.01, "hspace": 0.17, "wspace": 0.06}
        grid = figure.subplots(HIGH, ACROSS, gridspec_kw=rooms)
        for axes, name in zip(grid.flat, FUNCTIONS, strict=False):
            _draw_one(axes, name)
        for axes in grid.flat[len(FUNCTIONS) :]:
            axes.remove()
        canvas.draw()
    few = np.round(np.asarray(canvas.buffer_rgba())[..., :3] / 5) * 5  # fewer colors make the file smaller
    mpl.image.imsave(path, few.astype(np.uint8), pil_kwargs={"optimize": True}, metadata={"Software": None})


def _draw_one(axes: Any, name: str) -> None:
    f = PROBLEMS[name]()
    rule = Algorithm(name, OPTIMIZERS["wolfe"]())
    results = runner.run(Experiment(name, name, f, (f.start,), f.threshold, 200, (rule,), ()))
    plane = landscape.error_plane(f, results, (0, 1), results.runs, f.window, levels=15, size=81)
    colors, norm = _contour.scale(plane)
    axes.contourf(plane.x, plane.y, plane.error, plane.levels, cmap=colors, norm=norm)
    lined = landscape.levels_with_lines(plane)
    axes.contour(plane.x, plane.y, plane.error, lined, colors=_style.look().theme.pale, linewidths=0.25, alpha=0.6)
    path = results.runs[0].trajectory.weights
    axes.plot(*path.T, color=_style.look().colors[3], linewidth=1.1)
    signs = [
        (path[:1], _style.look().start, 4.0),
        (plane.other_minima[:, :2], _style.look().other, 4.5),
        (plane.lowest_minima[:, :2], _style.look().lowest, 6.0),
    ]
    for places, sign, size in signs:
        axes.plot(*places.T, linestyle="none", **{**sign, "markersize": size, "markeredgewidth": 0.7})
    axes.set(xlim=f.window[0], ylim=f.window[1], xticks=[], yticks=[])
    axes.set_title(name, size=8.5, pad=3)
