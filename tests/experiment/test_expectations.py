"""Test expected results: which runs meet them, and the messages about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpviz import tables
from bpviz.config import loads
from bpviz.engine.results import Ending
from bpviz.experiment import runner
from bpviz.experiment.expectations import ENDINGS, QUANTITIES, RELATIONS

RUN = {
    "label": "GD",
    "epochs": 797,
    "final_error": 0.125,
    "evaluations": {"error": 3, "gradient": 797, "hessian": 0},
    "ending": "reached",
}


def failures(expected: str, **changes: object) -> list[str]:
    text = f"algorithms: [{{name: gd, label: GD}}]\nfigures: []\nexpect: {{GD: {{{expected}}}}}"
    experiment = loads(text.encode(), "try.yaml", Path())
    return [
        str(failure).splitlines()[0] for one in experiment.expectations for failure in one.failures([RUN | changes])
    ]


@pytest.mark.parametrize(
    "expected",
    [
        "epochs: 797",
        "epochs: {at_most: 797}",
        "epochs: {at_least: 797, below: 798, above: 796}",
        "error: 0.125",
        "error: 0.12500000001",  # relative difference below 1e-9
        "evaluations: 800",
        "ending: reached",
        "epochs: 797, error: {at_most: 0.125}, ending: reached",
    ],
)
def test_results_that_meet_the_expectations(expected):
    assert failures(expected) == []


@pytest.mark.parametrize(
    ("expected", "column", "message"),
    [
        ("epochs: 796", 23, "epochs: expected 796 epochs, GD took 797"),
        ("epochs: {at_most: 796}", 33, "epochs.at_most: expected at most 796 epochs, GD took 797"),
        ("epochs: {at_least: 798}", 34, "epochs.at_least: expected at least 798 epochs, GD took 797"),
        ("epochs: {above: 797}", 31, "epochs.above: expected more than 797 epochs, GD took 797"),
        (
            "error: {below: 0.125}",
            30,
            "error.below: expected an error of less than 0.125, GD ended with 0.125",
        ),
        ("error: 0.1250001", 22, "error: expected an error of 0.1250001, GD ended with 0.125"),
        ("evaluations: 801", 28, "evaluations: expected 801 evaluations, GD took 800"),
        ("ending: stuck", 23, "ending: expected the ending 'stuck', GD ended with 'reached'"),
    ],
)
def test_results_that_do_not_meet_the_expectation(expected, column, message):
    assert failures(expected) == [f"try.yaml:3:{column}: expect.GD.{message}"]


def test_a_non_finite_error_meets_no_bound():
    assert failures("error: {at_least: 0}", final_error=None) == [
        "try.yaml:3:33: expect.GD.error.at_least: expected an error of at least 0, GD ended with nan"
    ]


def test_a_name_applies_to_all_its_algorithms_and_every_start():
    text = b"""
algorithms: [gd, {name: gd, step: 10, label: fast}]
start: [[-4, -4], [3, -2]]
figures: []
expect: {gd: {epochs: {at_most: 25}}, fast: {ending: reached}}
"""
    experiment = loads(text, "try.yaml", Path())
    runs = tables.summary(runner.run(experiment))["runs"]
    messages = [failure.message for one in experiment.expectations for failure in one.failures(runs)]
    slow = [run["epochs"] for run in runs if run["epochs"] > 25]
    assert len(runs) == 4
    assert 797 in slow
    assert len(messages) == len(slow)


def test_endings_are_those_of_runs():
    assert tuple(ending.word for ending in Ending) == ENDINGS


def test_quantities_and_relations():
    assert {name: quantity.of(RUN) for name, quantity in QUANTITIES.items()} == {
        "epochs": 797,
        "error": 0.125,
        "evaluations": 800,
        "ending": "reached",
    }
    held = {name: [relation.holds(value, 2.0) for value in (1.0, 2.0, 3.0)] for name, relation in RELATIONS.items()}
    assert held == {
        "exactly": [False, True, False],
        "at_most": [True, True, False],
        "at_least": [False, True, True],
        "below": [True, False, False],
        "above": [False, False, True],
    }
