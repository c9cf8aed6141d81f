"""Draw the figures of the published experiment with plain matplotlib from precomputed arrays.

Arguments: the arrays (npz), the scenes (JSON) and the output folder. This is the baseline of the figure benchmarks: a
minimal script that draws each figure once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

DPI = 150


def contour(figure: Figure, arrays: Any, _labels: list[str]) -> Any:
    axes = figure.add_subplot()
    x, y, error = arrays["x"], arrays["y"], arrays["error"]
    filled = axes.contourf(x, y, error, 20, cmap="Blues")
    axes.contour(x, y, error, 20, colors="grey", linewidths=0.4)
    axes.clabel(axes.contour(x, y, error, [0.125], colors="black", linestyles="dashed"))
    figure.colorbar(filled, label="Error")
    axes.set(xlabel="First weight", ylabel="Second weight", aspect="equal")
    return axes


def paths(figure: Figure, arrays: Any, labels: list[str]) -> None:
    axes = contour(figure, arrays, labels)
    for i, label in enumerate(labels):
        w = arrays[label]
        u, v = np.diff(w, axis=0).T
        axes.quiver(*w[:-1].T, u, v, angles="xy", scale_units="xy", scale=1, color=f"C{i}", width=0.004, label=label)
        axes.plot(*w.T, color=f"C{i}")
        axes.scatter(*w[-1], color=f"C{i}", marker="*", zorder=3)


def surface(figure: Figure, arrays: Any, labels: list[str]) -> None:
    axes: Any = figure.add_subplot(projection="3d")
    axes.plot_surface(*np.meshgrid(arrays["x"], arrays["y"]), arrays["error"], cmap="Blues")
    for label in labels:
        axes.plot(*arrays[label].T, arrays[f"{label}: errors"], label=label)
    axes.set(xlabel="First weight", ylabel="Second weight", zlabel="Error")


def data(figure: Figure, arrays: Any, _labels: list[str]) -> None:
    axes = figure.add_subplot()
    for target in (0, 1):
        axes.scatter(*arrays["features"][arrays["targets"] == target].T, s=100, label=f"target {target}")
    axes.set(xlabel="First feature", ylabel="Second feature")


def epochs(figure: Figure, arrays: Any, labels: list[str]) -> None:
    axes = figure.add_subplot()
    bars = axes.barh(labels, [len(arrays[label]) - 1 for label in labels])
    axes.bar_label(bars)
    axes.set(xlabel="Epochs", xscale="log")


def errors(figure: Figure, arrays: Any, labels: list[str]) -> None:
    axes = figure.add_subplot()
    for label in labels:
        axes.plot(arrays[f"{label}: errors"], label=label)
    axes.axhline(0.125, color="black", linestyle="dashed")
    axes.set(xlabel="Epoch", ylabel="Error", yscale="log")


DRAW = {"data": data, "contour": contour, "surface": surface, "paths": paths, "epochs": epochs, "errors": errors}

if __name__ == "__main__":
    arrays, scenes, out = np.load(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    for number, scene in enumerate(scenes):
        figure = Figure([pixels / DPI for pixels in scene["size"]], dpi=DPI)
        DRAW[scene["kind"]](figure, arrays, scene["labels"])
        figure.suptitle(scene["kind"])
        if figure.axes[0].get_legend_handles_labels()[0]:
            figure.legend(loc="lower center", ncols=3)
        figure.savefig(out / f"{number}.png")
