"""Every rule beside the recorded paths of independent implementations, at every update that can be compared.

The paths, how they were made and what they are compared within stand in tests/references/README.md.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from comparison import compare, manifest
from proofs import documented, largest_allowed
from record import VERSIONS, families, problems, run_name

from bpviz import declare
from bpviz.declare import OPTIMIZERS, WRAPPERS

FAMILIES = families()
CASES = [
    pytest.param(family, case, id=f"{case.rule} {json.dumps(case.settings)} is {case.call}".replace("::", ":"))
    for family, cases in FAMILIES.items()
    for case in cases
]
FIRST = 60  # updates
over_families = pytest.mark.parametrize("family", FAMILIES)


# Settings of rules that are compared which no library has, or takes from a caller. Their twins have unusual values.
NOT_THEIRS = {
    "adahessian": ["seed"],
    "bfgs": ["step", "scale"],
    "cg-pr": ["step"],
    "dogleg": ["repair", "penalty"],
    "gradient-noise": ["seed"],
    "gauss-newton": ["step", "search", "shrink", "c1"],
    "l-bfgs": ["step", "c1", "c2", "scale"],
    "levenberg-marquardt": ["decrease", "increase"],
    "momentum": ["convention"],
    "nelder-mead": ["step", "reflection", "expansion", "contraction", "shrink"],
    "newton-cg": ["step", "forcing"],
    "sophia": ["seed"],
    "trust-krylov": ["tolerance"],
    "trust-ncg": ["forcing"],
}


def test_every_setting_that_a_library_has_is_compared_at_an_unusual_value():
    usual = {}
    for name, thing in [*OPTIMIZERS.items(), *WRAPPERS.items()]:
        given = [
            case.settings for cases in FAMILIES.values() for case in cases if (case.rule, case.parts) == (name, None)
        ]
        defaults = {field.name: field.default for field in declare.fields(thing).values()}
        left = [key for key, value in defaults.items() if all(settings.get(key, value) == value for settings in given)]
        if given and left:
            usual[name] = left
    assert usual == NOT_THEIRS


@over_families
def test_every_family_is_recorded_as_its_cases_say(family):
    recorded = {call: set(what["runs"]) for call, what in manifest(family)["calls"].items()}
    wanted = {
        case.call: {run_name(name, start) for name, problem in problems(case).items() for start in problem.starts}
        for case in FAMILIES[family]
    }
    assert recorded == wanted, f"run python tests/references/record.py {family}"


@over_families
def test_paths_are_of_the_versions_that_the_group_installs(family):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    pins = dict(re.split("==", pin.replace("-", "_")) for pin in project["dependency-groups"]["references"])
    assert sorted(pins) == sorted(VERSIONS)
    recorded = {name: made.partition("+")[0] for name, made in manifest(family)["recorded with"].items()}
    assert {case.library for case in FAMILIES[family]} <= set(recorded)
    assert recorded.items() <= pins.items(), f"run python tests/references/record.py {family}"


def check(case, compared):
    parted = [one for one in compared if one.parted is not None]
    if case.parts is None:
        assert not parted
        assert max(one.largest for one in compared) <= largest_allowed(documented(case))
    else:
        assert case.why
        assert min(one.parted for one in parted) == case.parts
    assert sum(one.updates for one in compared) >= 10, "a path that cannot be compared proves nothing"


@pytest.mark.parametrize(("family", "case"), CASES)
def test_rule_follows_its_recorded_path(family, case):
    """Compare the first updates: a wrong update rule already differs there."""
    check(case, compare(family, case, max(FIRST, 2 * (case.parts or 0))))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "case"), CASES)
def test_rule_follows_its_recorded_path_to_the_end(family, case, record_property):
    compared = compare(family, case)
    record_property("largest difference", json.dumps(max(one.largest for one in compared)))
    check(case, compared)
