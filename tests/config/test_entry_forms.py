"""Test the suggested form of entries that are written in another way."""

from __future__ import annotations

from pathlib import Path

import pytest

import bpviz
from bpviz import config
from bpviz.config import ConfigError

GD = "{name: gd, step: 0.1}"


def message(text: str) -> str:
    """Return the only message about a config, from its place on."""
    with pytest.raises(ConfigError) as caught:
        config.loads(text.encode(), "c.yaml", Path())
    (mistake,) = caught.value.mistakes
    return str(mistake).split("\n", maxsplit=1)[0].removeprefix("c.yaml:")


@pytest.mark.parametrize(
    ("entry", "place", "path", "problem", "form"),
    [
        # settings below a name
        ("[{gd: {step: 0.1}}]", "1:14", "[0]", "missing key 'name'", GD),
        ("\n- gd: {step: 0.1}", "2:3", "[0]", "missing key 'name'", GD),
        ("\n- gd:\n    step: 0.1", "2:3", "[0]", "missing key 'name'", GD),
        ("\n- gd:\n  step: 0.1", "2:3", "[0]", "missing key 'name'", GD),
        ("[{gd: 0.1}]", "1:14", "[0]", "missing key 'name'", GD),
        ("[{GD: {step: 0.1}}]", "1:14", "[0]", "missing key 'name'", GD),
        ("[{algorithm: gd, step: 0.1}]", "1:14", "[0]", "missing key 'name'", GD),
        ("[{nmae: gd, step: 0.1}]", "1:14", "[0]", "missing key 'name'", GD),
        ("[{step: 1}]", "1:14", "[0]", "missing key 'name'", "a name from `bpviz list algorithms`"),
        (
            "[{torch:Adam: {lr: 0.1}}]",
            "1:14",
            "[0]",
            "missing key 'name'",
            "{name: torch:Adam, lr: 0.1}",
        ),
        (
            "[{name: {gd: {step: 0.1}}}]",
            "1:21",
            "[0].name",
            "expected the name of an algorithm, got a mapping",
            GD,
        ),
        ("[[gd, {step: 0.1}]]", "1:14", "[0]", "expected a name or a mapping with a name, got a list", GD),
        # as for `bpviz compare`, or as in code
        ("['gd:step=0.1']", "1:14", "[0]", "unknown algorithm 'gd:step=0.1'", GD),
        ("[gd:step=0.1]", "1:14", "[0]", "unknown algorithm 'gd:step=0.1'", GD),
        ("[gd step=0.1]", "1:14", "[0]", "unknown algorithm 'gd step=0.1'", GD),
        ("[gd(step=0.1)]", "1:14", "[0]", "unknown algorithm 'gd(step=0.1)'", GD),
        ("['gd(step = 0.1)']", "1:14", "[0]", "unknown algorithm 'gd(step = 0.1)'", GD),
        ("['gd, step=0.1']", "1:14", "[0]", "unknown algorithm 'gd, step=0.1'", GD),
        ("['gd {step: 0.1}']", "1:14", "[0]", "unknown algorithm 'gd {step: 0.1}'", GD),
        ("[{name: 'gd:step=0.1'}]", "1:21", "[0].name", "unknown algorithm 'gd:step=0.1'", GD),
        (
            "['momentum:step=0.1,momentum=0.95']",
            "1:14",
            "[0]",
            "unknown algorithm 'momentum:step=0.1,momentum=0.95'",
            "{name: momentum, step: 0.1, momentum: 0.95}",
        ),
        ("[gd momentum]", "1:14", "[0]", "expected one algorithm, got 'gd momentum'", "gd, momentum"),
        ("[torch.optim.Adam]", "1:14", "[0]", "unknown algorithm 'torch.optim.Adam'", "torch:Adam"),
        # not a list
        ("gd", "1:13", "", "expected a list of one or more algorithms, got 'gd'", "[gd]"),
        ("gd, Adam", "1:13", "", "expected a list of one or more algorithms, got 'gd, Adam'", "[gd, adam]"),
        ("gd:step=0.1", "1:13", "", "expected a list of one or more algorithms, got 'gd:step=0.1'", f"[{GD}]"),
        (GD, "1:13", "", "expected a list of one or more algorithms, got a mapping", f"[{GD}]"),
        (
            "{gd: {step: 0.1}, momentum: {}}",
            "1:13",
            "",
            "expected a list of one or more algorithms, got a mapping",
            f"[{GD}, {{name: momentum}}]",
        ),
        # wrappers
        ("[Clip-Norm]", "1:14", "[0]", "clip-norm is a wrapper, not an algorithm", "{name: gd, with: [clip-norm]}"),
        (
            "[{name: gd, with: [{clip-norm: {largest: 1}}]}]",
            "1:32",
            "[0].with[0]",
            "missing key 'name'",
            "{name: clip-norm, largest: 1}",
        ),
        (
            "[{name: gd, with: ['clip-norm:largest=1']}]",
            "1:32",
            "[0].with[0]",
            "unknown wrapper 'clip-norm:largest=1'",
            "{name: clip-norm, largest: 1}",
        ),
        (
            "[{name: gd, with: {clip-norm: {largest: 1}}}]",
            "1:31",
            "[0].with",
            "expected a list of names, or of mappings {name, settings...}, got a mapping",
            "[{name: clip-norm, largest: 1}]",
        ),
    ],
)
def test_entries_of_algorithms(entry, place, path, problem, form):
    text = f"algorithms: {entry}\nfigures: []"
    assert message(text) == f"{place}: algorithms{path}: {problem}; use {form}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("problem: {rosenbrock: {a: 2}}", "2:10: problem: missing key 'name'; use {name: rosenbrock, a: 2}"),
        ("problem: {function: booth}", "2:10: problem: missing key 'name'; use {name: booth}"),
        ("problem: 'rosenbrock:a=2'", "2:10: problem: unknown problem 'rosenbrock:a=2'; use {name: rosenbrock, a: 2}"),
        ("figures: [{paths: {title: x y}}]", "2:11: figures[0]: missing key 'kind'; use {kind: paths, title: x y}"),
        ("figures: [{type: paths}]", "2:11: figures[0]: missing key 'kind'; use {kind: paths}"),
        ("figures: paths", "2:10: figures: expected a list of figures, got 'paths'; use [paths]"),
        (
            "figures: {paths: {title: '1'}}",
            "2:10: figures: expected a list of figures, got a mapping; use [{kind: paths, title: '1'}]",
        ),
    ],
)
def test_problems_and_figures(text, expected):
    assert message(f"algorithms: [gd]\n{text}") == expected


def test_python_values():
    with pytest.raises(ConfigError) as caught:
        bpviz.run({"algorithms": ["gd:step=0.1", {"gd": {"step": 0.1}}]})
    assert [mistake.message for mistake in caught.value.mistakes] == [
        f"unknown algorithm 'gd:step=0.1'; use {GD}",
        f"missing key 'name'; use {GD}",
    ]


def test_names_are_accepted_in_any_case_and_recorded_in_one():
    text = """
        algorithms: [Adam, iRprop+, {name: Nelder_Mead, label: n}, {name: GD, with: [{name: Clip_Norm, largest: 1}]}]
        problem: {name: Rosenbrock, a: 2}
        figures: [Errors, {kind: Paths, algorithms: [adam]}]
        expect: {adam: {epochs: 3}}
    """
    plain = text.replace("Nelder_Mead", "nelder-mead").replace("Clip_Norm", "clip-norm").replace("iR", "ir")
    for name in ("Adam", "GD", "Rosenbrock", "Errors", "Paths"):
        plain = plain.replace(name, name.lower())
    experiment = config.loads(text.encode(), "c.yaml", Path())
    assert experiment == config.loads(plain.encode(), "c.yaml", Path())
    assert [one["name"] for one in config.resolved(experiment)["algorithms"]] == [
        "adam",
        "irprop+",
        "nelder-mead",
        "gd",
    ]
    assert config.resolved(experiment)["problem"]["name"] == "rosenbrock"


def test_figures_and_expectations_refer_to_names_and_labels_in_any_case():
    text = """
        algorithms: [adam, {name: gd, label: Slow one}, {name: gd, step: 1, label: fast}]
        figures: [{kind: errors, algorithms: [ADAM, slow_ONE]}]
        expect: {Gd: {epochs: 3}, FAST: {ending: reached}}
    """
    plain = text.replace("[ADAM, slow_ONE]", "[adam, Slow one]").replace("Gd", "gd").replace("FAST", "fast")
    experiment = config.loads(text.encode(), "c.yaml", Path())
    assert experiment == config.loads(plain.encode(), "c.yaml", Path())
    assert experiment.figures[0].algorithms == ("adam", "Slow one")


def test_a_word_for_two_algorithms_is_unknown():
    text = "algorithms: [adam, {name: gd, label: AD-AM}]\nfigures: [{kind: errors, algorithms: [Ad_Am]}]"
    assert message(text) == "2:38: figures[0].algorithms: unknown algorithm 'Ad_Am'; did you mean 'adam'?"
