"""What an experiment is expected to come to, and how it is said that it did not."""

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


def failures(expected: str, **came: object) -> list[str]:
    text = f"algorithms: [{{name: gd, label: GD}}]\nfigures: []\nexpect: {{GD: {{{expected}}}}}"
    experiment = loads(text.encode(), "try.yaml", Path())
    return [str(failure).splitlines()[0] for one in experiment.expectations for failure in one.failures([RUN | came])]


@pytest.mark.parametrize(
    "expected",
    [
        "epochs: 797",
        "epochs: {at_most: 797}",
        "epochs: {at_least: 797, below: 798, above: 796}",
        "error: 0.125",
        "error: 0.12500000001",  # within 1e-9 of it
        "evaluations: 800",
        "ending: reached",
        "epochs: 797, error: {at_most: 0.125}, ending: reached",
    ],
)
def test_what_came_as_expected(expected):
    assert failures(expected) == []


@pytest.mark.parametrize(
    ("expected", "column", "message"),
    [
        ("epochs: 796", 23, "epochs: 796 epochs expected, but GD came to 797 epochs"),
        ("epochs: {at_most: 796}", 33, "epochs.at_most: at most 796 epochs expected, but GD came to 797 epochs"),
        ("epochs: {at_least: 798}", 34, "epochs.at_least: at least 798 epochs expected, but GD came to 797 epochs"),
        ("epochs: {above: 797}", 31, "epochs.above: more than 797 epochs expected, but GD came to 797 epochs"),
        (
            "error: {below: 0.125}",
            30,
            "error.below: less than an error of 0.125 expected, but GD came to an error of 0.125",
        ),
        ("error: 0.1250001", 22, "error: an error of 0.1250001 expected, but GD came to an error of 0.125"),
        ("evaluations: 801", 28, "evaluations: 801 evaluations expected, but GD came to 800 evaluations"),
        ("ending: stuck", 23, "ending: the ending stuck expected, but GD came to the ending reached"),
    ],
)
def test_what_did_not_says_where_it_was_expected(expected, column, message):
    assert failures(expected) == [f"try.yaml:3:{column}: expect.GD.{message}"]


def test_an_error_that_is_not_finite_meets_no_bound():
    assert failures("error: {at_least: 0}", final_error=None) == [
        "try.yaml:3:33: expect.GD.error.at_least: at least an error of 0 expected, but GD came to an error of nan"
    ]


def test_a_name_means_all_that_go_by_it_and_every_start():
    text = b"""
algorithms: [gd, {name: gd, step: 10, label: fast}]
start: [[-4, -4], [3, -2]]
figures: []
expect: {gd: {epochs: {at_most: 25}}, fast: {ending: reached}}
"""
    experiment = loads(text, "try.yaml", Path())
    runs = tables.summary(runner.run(experiment))["runs"]
    said = [failure.message for one in experiment.expectations for failure in one.failures(runs)]
    slow = [run["epochs"] for run in runs if run["epochs"] > 25]
    assert len(runs) == 4
    assert 797 in slow
    assert len(said) == len(slow)


def test_endings_are_those_that_runs_have():
    assert tuple(ending.word for ending in Ending) == ENDINGS


def test_every_quantity_is_read_from_a_run_and_every_bound_is_strict_about_its_word():
    assert {name: quantity.of(RUN) for name, quantity in QUANTITIES.items()} == {
        "epochs": 797,
        "error": 0.125,
        "evaluations": 800,
        "ending": "reached",
    }
    held = {name: [relation.holds(came, 2.0) for came in (1.0, 2.0, 3.0)] for name, relation in RELATIONS.items()}
    assert held == {
        "exactly": [False, True, False],
        "at_most": [True, True, False],
        "at_least": [False, True, True],
        "below": [True, False, False],
        "above": [False, False, True],
    }
