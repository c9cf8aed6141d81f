"""Compare every registered rule with its twin, at every epoch.

A twin is a second implementation of a rule: a generator in plain floats for one run, in the notation of the paper. The
test module of the rule's family lists it in ``TWINS`` and gives unusual values of every hyperparameter in ``UNUSUAL``,
and its own ``RTOL`` and ``EPOCHS`` where rounding errors grow. ``AGAINST`` lists comparisons other than recorded paths,
for docs/algorithms.md. A rule without a twin fails here.
"""

from __future__ import annotations

import numpy as np
import pytest
from proofs import twin_families

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS
from bpviz.engine.loop import march
from bpviz.engine.results import Ending, record

EPOCHS = 50
STARTS = {
    "six_points": [(-4.0, -4.0), (-1.2, 1.0), (2.3, -0.7)],
    "unequal": [(-0.4, -0.4, 0.1), (-1.2, 1.0, 0.3), (0.6, -0.25, -1.5)],
}


FAMILIES = {name: module for module in twin_families() for name in module.TWINS}


def cases(name):
    """Return the defaults, then all unusual hyperparameters, then each one alone."""
    unusual = FAMILIES[name].UNUSUAL[name]
    return [{}, unusual, *({field: value} for field, value in unusual.items() if len(unusual) > 1)]


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
    for settings in cases(name):
        optimizer = OPTIMIZERS[name](**settings)
        runs = record(march(optimizer, problem, STARTS[where], error_threshold=None, max_epochs=most))
        for start, run in zip(STARTS[where], runs, strict=True):
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

    def paths(**settings):
        marches = [
            march(OPTIMIZERS[name](**settings), problem, starts, error_threshold=None, max_epochs=EPOCHS)
            for problem, starts in zip((six_points, unequal), STARTS.values(), strict=True)
        ]
        return [run.weights.tobytes() for epochs in marches for run in record(epochs)]

    unusual = FAMILIES[name].UNUSUAL[name]
    usual, all_unusual = paths(), paths(**unusual)
    for field, value in unusual.items():
        others = {other: unusual[other] for other in unusual if other != field}
        assert paths(**{field: value}) != usual or paths(**others) != all_unusual, field
