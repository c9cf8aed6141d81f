"""Compare every registered rule with its twin, at every epoch.

A twin is a second implementation of a rule: a generator in plain floats for one run, in the notation of the paper. The
test module of the rule's family lists it in ``TWINS`` and gives unusual values of every hyperparameter in ``UNUSUAL``,
and its own ``RTOL`` and ``EPOCHS`` where rounding errors grow. ``AGAINST`` lists comparisons other than recorded paths,
for docs/algorithms.md. A rule without a twin fails here.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from proofs import twin_families

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

EPOCHS = 50
STARTS = {
    "six_points": [(-4.0, -4.0), (-1.2, 1.0), (2.3, -0.7)],
    "unequal": [(-0.4, -0.4, 0.1), (-1.2, 1.0, 0.3), (0.6, -0.25, -1.5)],
}


FAMILIES = {name: module for module in twin_families() for name in module.TWINS}


def cases(name, starts):
    """Return the defaults and all unusual values, from every start; then each by itself, from one start in turn."""
    unusual = FAMILIES[name].UNUSUAL[name]
    alone = [({field: value}, [start]) for (field, value), start in zip(unusual.items(), itertools.cycle(starts))]
    return [({}, starts), (unusual, starts), *(alone if len(unusual) > 1 else [])]


def test_every_rule_has_a_twin():
    assert sorted(FAMILIES) == list(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_hyperparameter_has_an_unusual_value(name):
    fields = declare.fields(OPTIMIZERS[name])
    unusual = FAMILIES[name].UNUSUAL[name]
    assert sorted(unusual) == sorted(fields)
    assert not [field for field, value in unusual.items() if value == fields[field].default]


@pytest.mark.parametrize("where", STARTS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_matches_its_twin_at_every_epoch(name, where, plain, request):
    problem = request.getfixturevalue(where)
    family = FAMILIES[name]
    rtol, most = getattr(family, "RTOL", 1e-12), getattr(family, "EPOCHS", EPOCHS)
    for settings, starts in cases(name, STARTS[where]):
        optimizer = OPTIMIZERS[name](**settings)
        runs = record(iterate(optimizer, problem, starts, error_threshold=None, max_epochs=most))
        for start, run in zip(starts, runs, strict=True):
            f = plain(problem)
            twin = family.TWINS[name](f, list(start), **declare.settings(optimizer))
            weights, counts = [start], [[0] * len(KINDS)]
            for _, w in zip(range(most), twin, strict=False):
                weights.append(w)
                counts.append([f.counts[kind] for kind in KINDS])
            said = f"{name} {settings} from {start}"
            np.testing.assert_array_equal(run.counts, counts, said)
            np.testing.assert_allclose(run.weights, weights, rtol, rtol, err_msg=said)
            np.testing.assert_allclose(run.errors, [f.error(w) for w in weights], 10 * rtol, 1e-15, err_msg=said)
            assert run.ending is (Ending.EXHAUSTED if run.epochs == most else Ending.STUCK), said


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_hyperparameter_has_an_effect(name, six_points, unequal):
    """Each unusual value changes some run, alone or with the others, so an unused hyperparameter is detected."""

    def weights(**settings):
        """Yield the weights of all runs, epoch by epoch."""
        thing = OPTIMIZERS[name](**settings)
        for problem, starts in zip((six_points, unequal), STARTS.values(), strict=True):
            for epoch in iterate(thing, problem, starts, error_threshold=None, max_epochs=EPOCHS):
                yield epoch.w.tobytes()

    def moved(some, others):
        return any(one != other for one, other in itertools.zip_longest(weights(**some), weights(**others)))

    unusual = FAMILIES[name].UNUSUAL[name]
    for field, value in unusual.items():
        others = {other: unusual[other] for other in unusual if other != field}
        assert moved({field: value}, {}) or moved(others, unusual), field
