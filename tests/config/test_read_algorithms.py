"""Test algorithms with wrappers in configs, and the messages of mistakes in ``with``."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpviz import config, declare, tables
from bpviz.config import ConfigError
from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.experiment import runner


def read(text, *overrides):
    return config.loads(text.encode(), "bad.yaml", Path(), overrides, "try")


def one(entry, *overrides):
    """Return the optimizer of a config with one algorithm."""
    return read(f"algorithms: [{entry}]\nfigures: []", *overrides).algorithms[0].optimizer


def messages_of(text, *overrides):
    """Return the messages of a config's mistakes without the lines that they show."""
    with pytest.raises(ConfigError) as caught:
        read(text, *overrides)
    return [str(mistake).split("\n", maxsplit=1)[0].removeprefix("bad.yaml:") for mistake in caught.value.mistakes]


def wrapped(name, inner="gd", **options):
    return WRAPPERS[name](OPTIMIZERS[inner](), **options)


def test_first_wrapper_is_the_innermost():
    optimizer = one(
        "{name: adam, step: 0.3, with: [{name: clip-norm, largest: 2}, {name: cosine, epochs: 200}, lookahead]}"
    )
    adam = OPTIMIZERS["adam"](step=0.3)
    assert optimizer == WRAPPERS["lookahead"](
        WRAPPERS["cosine"](WRAPPERS["clip-norm"](adam, largest=2.0), epochs=200.0)
    )


def test_example_in_the_documentation_is_valid():
    text = (Path(__file__).parents[2] / "docs" / "algorithms.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    adam, gd = (algorithm.optimizer for algorithm in read(block).algorithms)
    assert [type(layer).name for layer in declare.layers(adam)] == ["adam", "clip-norm", "mini-batches", "cosine"]
    assert gd == wrapped("lookahead")


def test_algorithm_without_wrappers_is_the_rule():
    assert one("{name: gd, with: []}") == one("gd") == OPTIMIZERS["gd"]()


def test_default_label_combines_all_layers():
    experiment = read("""
        algorithms:
          - {name: adam, with: [clip-norm, cosine]}
          - {name: adam, with: [cosine], label: Adam slowing down}
          - adam
        figures: []
    """)
    assert [a.label for a in experiment.algorithms] == ["Adam, clipped norm, cosine", "Adam slowing down", "Adam"]
    assert messages_of(
        "algorithms: [{name: gd, with: [cosine]}, {name: gd, with: [{name: cosine, epochs: 3}]}]\nfigures: []"
    ) == [
        (
            "1:42: algorithms[1]: duplicate label 'Gradient descent, cosine' (also of algorithms[0], in "
            "line 1, column 14); "
            "use another `label`"
        )
    ]


GOOD = {
    **{name: f"{{name: gd, with: [{name}]}}" for name in WRAPPERS},
    "in order": "{name: adam, with: [{name: mini-batches, seed: 7}, {name: step-decay, decay: .5}, lookahead]}",
    "twice": "{name: momentum, momentum: 0.5, with: [warm-up, {name: exponential, decay: 1}, warm-up]}",
}

DECAYING = "coupled-weight-decay, mechanic and weight-decay"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json.dumps(config.schema()))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("entry", GOOD.values(), ids=GOOD)
def test_resolved_config_gives_an_equal_experiment_and_matches_the_schema(entry, validator):
    text = f"algorithms: [{entry}]\nfigures: []"
    experiment = read(text)
    resolved = config.resolved(experiment)
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    for written in (json.dumps(resolved), yaml.safe_dump(resolved, allow_unicode=True)):
        again = read(written)
        assert again == experiment
        assert config.resolved(again) == resolved
    for data in (json.loads(json.dumps(resolved)), yaml.safe_load(text)):
        validator.validate(data)


def test_resolved_config_contains_every_setting_of_every_layer():
    (algorithm,) = config.resolved(read(f"algorithms: [{GOOD['twice']}]\nfigures: []"))["algorithms"]
    assert algorithm == {
        "name": "momentum",
        "label": "Momentum, warm-up, exponential decay, warm-up",
        "step": 0.3,
        "momentum": 0.5,
        "dampening": 0.0,
        "convention": "torch",
        "with": [
            {"name": "warm-up", "epochs": 5.0, "first": 0.1},
            {"name": "exponential", "decay": 1.0},
            {"name": "warm-up", "epochs": 5.0, "first": 0.1},
        ],
    }


def test_results_contain_the_wrappers():
    results = runner.run(read("algorithms: [{name: gd, with: [clip-norm, lookahead]}]\nfigures: []\nmax_epochs: 2"))
    run = results.runs[0]
    around = [{"name": "clip-norm", "largest": 1.0, "epsilon": 0.0}, {"name": "lookahead", "every": 5, "share": 0.5}]
    assert (run.algorithm, run.label) == ("gd", "Gradient descent, clipped norm, lookahead")
    assert run.settings == {"step": 0.3, "with": around}
    assert tables.summary(results)["runs"][0]["settings"] == {"step": 0.3, "with": around}
    assert "step=0.3 with=clip-norm(largest=1.0,epsilon=0.0)+lookahead(every=5,share=0.5)" in tables.summary_csv(
        results
    )
    assert tables.table(results).rows[0][:2] == ["Gradient descent, clipped norm, lookahead", "0.3"]


def declared():
    return [
        pytest.param(name, field, id=f"{name} {field.name}")
        for name, wrapper in WRAPPERS.items()
        for field in declare.fields(wrapper).values()
    ]


@pytest.mark.parametrize(("name", "field"), declared())
def test_rejects_an_invalid_value_of_every_setting(name, field):
    bad = field.domain.bad()
    mistakes = messages_of(
        f"figures: []\nalgorithms:\n- name: gd\n  with:\n  - name: {name}\n    {field.name}: {json.dumps(bad)}"
    )
    path = f"algorithms[0].with[0].{field.name}"
    assert mistakes == [f"6:{len(field.name) + 7}: {path}: {field.complaint(bad)}"]


@pytest.mark.parametrize("name", WRAPPERS)
def test_suggests_wrappers_by_synonym(name):
    for synonym in WRAPPERS[name].synonyms:
        if WRAPPERS.canonical(synonym) == name:  # differs only in separators, and is accepted
            continue
        (mistake,) = messages_of(f"algorithms: [{{name: gd, with: [{synonym}]}}]\nfigures: []")
        assert mistake.endswith(f"unknown wrapper {synonym!r}; did you mean {name!r}?")


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        (
            "with: cosine",
            [("with: expected a list of names, or of mappings {name, settings...}, got 'cosine'; use [cosine]")],
        ),
        (
            "with: {name: cosine}",
            ["with: expected a list of names, or of mappings {name, settings...}, got a mapping; use [{name: cosine}]"],
        ),
        ("with:", ["with: expected a list of names, or of mappings {name, settings...}, got null"]),
        ("with: [3]", ["with[0]: expected a name or a mapping with a name, got 3"]),
        ("with: [{epochs: 3}]", ["with[0]: missing key 'name'; use a name from `bpviz list wrappers`"]),
        ("with: [cosinus]", ["with[0]: unknown wrapper 'cosinus'; did you mean 'cosine'?"]),
        ("with: [zzz]", ["with[0]: unknown wrapper 'zzz'; use a name from `bpviz list wrappers`"]),
        ("with: [{name: cosine, epoch: 3}]", ["with[0].epoch: unknown setting of cosine; did you mean 'epochs'?"]),
        (
            "with: [{name: cosine, with: [x]}]",
            ["with[0].with: unknown setting of cosine; use one of name, epochs, last, convention"],
        ),
        ("schedule: cosine", ["schedule: unknown setting of gd; did you mean 'with'?"]),
        (
            "with: [{name: search-wolfe, c1: 0.95}]",
            ["with[0].c1: 0.95 is not below c2, 0.9"],
        ),
        (
            "with: [{name: mini-batches, batch_size: 7}]",
            ["with[0].batch_size: 7 exceeds the number of samples, 6"],
        ),
        (
            "with: [mini-batches, cosine, mini-batches]",
            ["with[2]: mini-batches cannot be nested"],
        ),
        (f"with: [{', '.join(['warm-up'] * 21)}]", ["with: expected at most 20 wrappers, got 21"]),
    ],
)
def test_messages(entry, messages):
    mistakes = messages_of(f"figures: []\nalgorithms: [{{name: gd, {entry}}}]")
    assert [mistake.split(": ", maxsplit=1)[1] for mistake in mistakes] == [f"algorithms[0].{m}" for m in messages]


@pytest.mark.parametrize(
    ("rule", "wrapper", "message"),
    [
        ("golden", "cosine", "golden has no step for a schedule to change"),
        ("rprop", "one-cycle", "rprop reads its step only at the start, so a schedule has no effect"),
        ("wolfe", "mini-batches", "wolfe reuses values from its last epoch, which do not apply to the next batch"),
        (
            "cg-pr",
            "weight-decay",
            "cg-pr reuses values from its last epoch, which do not apply to the decayed weights",
        ),
        (
            "irprop+",
            "search-brent",
            "irprop+ evaluates the error itself; a search can wrap only algorithms that use derivatives alone",
        ),
    ],
)
def test_rejects_a_wrapper_that_does_not_fit_the_rule(rule, wrapper, message):
    text = f"figures: []\nalgorithms:\n- name: {rule}\n  with:\n  - lookahead\n  - {wrapper}"
    assert messages_of(text) == [f"6:5: algorithms[0].with[1]: {message}"]


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("batch_size", "batch_size is a setting of the wrapper mini-batches; put it under `with`"),
        (
            "weight_decay",
            f"weight_decay is a setting of the wrappers {DECAYING}; put it under `with`",
        ),
        ("convention", "use one of name, label, color, marker, with, step"),
        ("nonsense", "use one of name, label, color, marker, with, step"),
    ],
)
def test_suggests_with_for_a_setting_of_a_wrapper(setting, hint):
    assert messages_of(f"algorithms: [{{name: gd, {setting}: 2}}]\nfigures: []") == [
        f"1:25: algorithms[0].{setting}: unknown setting of gd; {hint}"
    ]


def test_rejects_a_search_around_a_wrapper_that_uses_the_error():
    assert messages_of(
        "algorithms: [{name: gd, with: [reduce-on-plateau, lookahead, search-golden]}]\nfigures: []"
    ) == [
        (
            "1:62: algorithms[0].with[2]: reduce-on-plateau evaluates the error itself; a search can wrap only "
            "algorithms that use derivatives alone"
        )
    ]


def test_l1_penalty_provides_no_residuals():
    (mistake,) = messages_of("penalty: {l1: 0.1}\nalgorithms: [gd, gauss-newton]\nfigures: []")
    assert mistake.endswith(
        "requires residuals and jacobian, which the problem perceptron with a penalty does not provide"
    )


def test_rejects_mini_batches_of_a_problem_without_data():
    assert messages_of("problem: rosenbrock\nalgorithms: [{name: gd, with: [mini-batches]}]\nfigures: []") == [
        "2:32: algorithms[0].with[0]: mini-batches requires a problem with data (rosenbrock has none)"
    ]


def test_reports_all_mistakes():
    text = """\
algorithms:
  - {name: gd, step: -1, with: [{name: cosine, last: 2}, {name: one-cycle, rise: 0.7}, zzzz, {name: clip-norm}]}
  - {name: golden, with: [cosine, search-golden]}
  - lookahead
figures: []
"""
    assert [mistake.split(": ")[:2] for mistake in messages_of(text)] == [
        ["2:22", "algorithms[0].step"],
        ["2:54", "algorithms[0].with[0].last"],
        ["2:82", "algorithms[0].with[1].rise"],
        ["2:88", "algorithms[0].with[2]"],
        ["3:27", "algorithms[1].with[0]"],
        ["3:35", "algorithms[1].with[1]"],
        ["4:5", "algorithms[2]"],
    ]


def test_rejects_a_wrapper_as_an_algorithm():
    assert messages_of("algorithms: [lookahead]\nfigures: []") == [
        "1:14: algorithms[0]: lookahead is a wrapper, not an algorithm; use {name: gd, with: [lookahead]}"
    ]


def test_overrides_of_wrappers():
    entry = "{name: gd, with: [cosine, {name: lookahead, every: 3}]}"
    optimizer = one(entry, "algorithms.0.with.0.last=0.25", "algorithms[0].with[1].every=7")
    assert optimizer == WRAPPERS["lookahead"](wrapped("cosine", last=0.25), every=7)
    assert one("gd", "algorithms.0.with=[cosine]") == wrapped("cosine")
    assert messages_of(f"algorithms: [{entry}]", "algorithms.0.with.2.last=1") == [
        "--set algorithms.0.with.2.last=1: algorithms[0].with: unknown entry '2'; use 0 to 1"
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "cosine",
        [["cosine"]],
        ["adam"],
        [{"epochs": 3}],
        [{"name": "cosine", "every": 3}],
        [{"name": "lookahead", "every": 0}],
        ["warm-up"] * 21,
    ],
    ids=str,
)
def test_schema_rejects_invalid_wrappers(bad, validator):
    data = {"algorithms": [{"name": "gd", "with": bad}], "figures": []}
    assert not validator.is_valid(data)
    assert messages_of(json.dumps(data))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([*WRAPPERS, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def wrappers(draw):
    name = draw(st.sampled_from(list(WRAPPERS)))
    names = st.sampled_from([*declare.fields(WRAPPERS[name]), "with", "zzz"])
    return {"name": name, **draw(st.dictionaries(names, VALUES | st.floats(0, 3) | st.integers(0, 9), max_size=3))}


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.sampled_from(list(OPTIMIZERS)), VALUES | st.lists(wrappers() | st.sampled_from(list(WRAPPERS)), max_size=5))
def test_any_wrappers_are_read_or_rejected(rule, around):
    data = json.dumps({"algorithms": [{"name": rule, "with": around}], "figures": []}).encode()
    try:
        experiment = config.loads(data, "fuzz.yaml", Path())
    except ConfigError:
        return
    written = json.dumps(config.resolved(experiment), allow_nan=False)
    assert config.loads(written.encode(), "again", Path(), name=experiment.name) == experiment
