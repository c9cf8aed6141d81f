"""Declarations of update rules, wrappers, problems and figures: names, fields, domains and interfaces."""

from bpviz.declare.decorators import (
    FIGURES,
    OPTIMIZERS,
    PROBLEMS,
    WRAPPERS,
    declared,
    figure,
    optimizer,
    problem,
    wrapper,
)
from bpviz.declare.fields import Field, conflicts, fields, given, hyper, settings
from bpviz.declare.interfaces import KINDS, PARTS, Array, Column, Mask, Minimum, Optimizer, Oracle, Point, Problem
from bpviz.declare.layers import (
    Wrapper,
    all_settings,
    components,
    layers,
    unsuitable,
    unsuitable_settings,
    without_gradient,
)

__all__ = [
    "FIGURES",
    "KINDS",
    "OPTIMIZERS",
    "PARTS",
    "PROBLEMS",
    "WRAPPERS",
    "Array",
    "Column",
    "Field",
    "Mask",
    "Minimum",
    "Optimizer",
    "Oracle",
    "Point",
    "Problem",
    "Wrapper",
    "all_settings",
    "components",
    "conflicts",
    "declared",
    "fields",
    "figure",
    "given",
    "hyper",
    "layers",
    "optimizer",
    "problem",
    "settings",
    "unsuitable",
    "unsuitable_settings",
    "without_gradient",
    "wrapper",
]
