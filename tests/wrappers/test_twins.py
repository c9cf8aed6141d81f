"""Compare every registered wrapper with its twin, around several rules, at every epoch.

A twin is a second implementation of a wrapper: a class in plain floats for one run, created with a plain rule and the
settings, with ``advance(f, w)``; ``self.inner.step`` is the step of the inner rule. The test module of the wrapper's
kind lists it in ``TWINS`` and gives unusual values of every setting in ``UNUSUAL``, and its own ``RTOL`` and ``EPOCHS``
where rounding errors grow. A wrapper without a twin fails here.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from proofs import twin_families

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

EPOCHS = 50
STARTS = {
    "six_points": [(-4.0, -4.0), (-1.2, 1.0), (2.3, -0.7)],
    "unequal": [(-0.4, -0.4, 0.1), (-1.2, 1.0, 0.3), (0.6, -0.25, -1.5)],
}
FAMILIES = {name: module for module in twin_families("wrappers") for name in module.TWINS}


class Gd:
    def __init__(self, step):
        self.step = step

    def advance(self, f, w):
        return [x - self.step * d for x, d in zip(w, f.gradient(w), strict=True)]


class Momentum(Gd):
    def __init__(self, step, momentum):
        self.step, self.momentum, self.v = step, momentum, None

    def advance(self, f, w):
        g = f.gradient(w)
        self.v = [self.momentum * v + d for v, d in zip(self.v or [0.0] * len(w), g, strict=True)]
        return [x - self.step * v for x, v in zip(w, self.v, strict=True)]


class Adam(Gd):
    def __init__(self, step, beta1, beta2):
        self.step, self.beta1, self.beta2, self.t = step, beta1, beta2, 0

    def advance(self, f, w):
        if not self.t:
            self.m, self.v = [0.0] * len(w), [0.0] * len(w)
        g, self.t = f.gradient(w), self.t + 1
        self.m = [self.beta1 * m + (1 - self.beta1) * d for m, d in zip(self.m, g, strict=True)]
        self.v = [self.beta2 * v + (1 - self.beta2) * d * d for v, d in zip(self.v, g, strict=True)]
        c1, c2 = 1 - self.beta1**self.t, 1 - self.beta2**self.t
        return [
            x - self.step * (m / c1) / (math.sqrt(v / c2) + 1e-8) for x, m, v in zip(w, self.m, self.v, strict=True)
        ]


RULES = {"gd": Gd, "momentum": Momentum, "adam": Adam}
SETTINGS = {
    "gd": {"step": 0.3},
    "momentum": {"step": 0.05, "momentum": 0.8},
    "adam": {"step": 0.05, "beta1": 0.9, "beta2": 0.99},
}


def cases(name, starts):
    """Return the defaults and all unusual values, from every start; then each by itself, from one start in turn."""
    unusual = FAMILIES[name].UNUSUAL[name]
    alone = [({field: value}, [start]) for (field, value), start in zip(unusual.items(), itertools.cycle(starts))]
    return [({}, starts), (unusual, starts), *(alone if len(unusual) > 1 else [])]


def triples():
    """Return every wrapper around every rule on one of the problems in turn, and for `pytest -m slow` on the others."""
    all_of_them = itertools.product(enumerate(WRAPPERS), enumerate(RULES), enumerate(STARTS))
    return [
        pytest.param(rule, where, name, marks=[pytest.mark.slow] * ((i + j + k) % 2))
        for (i, name), (j, rule), (k, where) in all_of_them
    ]


def test_every_wrapper_has_a_twin():
    assert sorted(FAMILIES) == list(WRAPPERS)


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_setting_has_an_unusual_value(name):
    fields = declare.fields(WRAPPERS[name])
    unusual = FAMILIES[name].UNUSUAL[name]
    assert sorted(unusual) == sorted(fields)
    assert not [field for field, value in unusual.items() if value == fields[field].default]


@pytest.mark.parametrize(("rule", "where", "name"), triples())
def test_weights_errors_and_bill_are_the_twin_s_at_every_epoch(name, rule, where, plain, request):
    problem = request.getfixturevalue(where)
    family = FAMILIES[name]
    rtol, most = getattr(family, "RTOL", 1e-12), getattr(family, "EPOCHS", EPOCHS)
    inner = SETTINGS[rule]
    for settings, starts in cases(name, STARTS[where]):
        wrapper = WRAPPERS[name](OPTIMIZERS[rule](**inner), **settings)
        runs = record(iterate(wrapper, problem, starts, error_threshold=None, max_epochs=most))
        for start, run in zip(starts, runs, strict=True):
            f, w = plain(problem), list(start)
            twin = family.TWINS[name](RULES[rule](**inner), **declare.settings(wrapper))
            weights, counts = [w], [[0] * len(KINDS)]
            while len(weights) <= most and not getattr(twin, "stuck", False):
                w = twin.advance(f, w)
                weights.append(w)
                counts.append([f.counts[kind] for kind in KINDS])
            said = f"{name} {settings} around {rule} from {start}"
            np.testing.assert_array_equal(run.counts, counts, said)
            np.testing.assert_allclose(run.weights, weights, rtol, rtol, err_msg=said)
            np.testing.assert_allclose(run.errors, [f.error(w) for w in weights], 10 * rtol, 1e-15, err_msg=said)
            assert run.ending is (Ending.STUCK if getattr(twin, "stuck", False) else Ending.EXHAUSTED), said


@pytest.mark.parametrize("name", WRAPPERS)
def test_every_setting_has_an_effect(name, six_points, unequal):
    """Each unusual value changes some run, alone or with the others, so an unused setting is detected."""

    def weights(**settings):
        """Yield the weights of all runs, epoch by epoch."""
        thing = WRAPPERS[name](OPTIMIZERS["adam"](step=0.3), **settings)
        for problem, starts in zip((six_points, unequal), STARTS.values(), strict=True):
            for epoch in iterate(thing, problem, starts, error_threshold=None, max_epochs=EPOCHS):
                yield epoch.w.tobytes()

    def moved(some, others):
        return any(one != other for one, other in itertools.zip_longest(weights(**some), weights(**others)))

    unusual = FAMILIES[name].UNUSUAL[name]
    for field, value in unusual.items():
        others = {other: unusual[other] for other in unusual if other != field}
        assert moved({field: value}, {}) or moved(others, unusual), field
