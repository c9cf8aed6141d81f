"""Compare pairs of rules, and test the reports of `bpviz check`."""

from __future__ import annotations

import dataclasses
import json
import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from bpviz import declare, hyper, optimizer
from bpviz.cli import cli
from bpviz.config import ConfigError, plugins
from bpviz.conformance import contract, equivalence, report
from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record

pytestmark = pytest.mark.usefixtures("forgotten", "short_contract")

# A second implementation of iRPROP-, weight by weight, with plain numbers.
INDEPENDENT = '''\
import numpy as np
from bpviz import hyper, optimizer

SOURCE = "C. Igel & M. Hüsken, 2003"


@optimizer("plain-irprop-", label="Plain iRPROP-", needs="gradient", source=SOURCE)
class Plain:
    """Step per weight, adapted by the signs of its gradients. g = ∇E(w).

    Δ ← η⁺ Δ or η⁻ Δ,  w ← w - sign(g) Δ

    Δ: start, η⁺: up, η⁻: down, Δmin: low, Δmax: high
    """

    start: float = hyper(0.1, "(0, inf)", "first step")
    up: float = hyper(1.2, "(1, inf)", "factor after equal signs")
    down: float = hyper(0.5, "(0, 1)", "factor after different signs")
    low: float = hyper(1e-3, "[0, inf)", "smallest step")
    high: float = hyper(10.0, "(0, inf)", "largest step")

    def begin(self, w, f):
        return np.zeros_like(w), np.zeros_like(w) + self.start

    def advance(self, w, state, f):
        g = f.gradient(w)
        settings = [np.broadcast_to(s, (len(w), 1)) for s in (self.up, self.down, self.low, self.high)]
        rows = [
            [self.one(*numbers, *(s[i, 0] for s in settings)) for numbers in zip(w[i], g[i], state[0][i], state[1][i])]
            for i in range(len(w))
        ]
        w, g, delta = np.moveaxis(np.array(rows), -1, 0)
        return w, (g, delta)

    def one(self, w, g, before, delta, up, down, low, high):
        if g * before > 0:
            delta = min(delta * up, high)
        elif g * before < 0:
            delta, g = max(delta * down, low), 0.0
        return w - delta * (int(g > 0) - int(g < 0)), g, delta
'''

# Applies every update one epoch late, as optax 0.2.8 does.
LATE = '''\
import numpy as np
from bpviz import optimizer
from bpviz.optimizers.rprop import Rprop


@optimizer("late-rprop", label="Late RPROP", needs="gradient", source="this test, 2026")
class Late(Rprop):
    """RPROP, one epoch late. g = ∇E(w).

    w ← w + (move of the previous epoch)

    Δ: step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step
    """

    def begin(self, w, f):
        return super().begin(w, f), np.zeros_like(w)

    def advance(self, w, state, f):
        inside, late = state
        there, inside = super().advance(w, inside, f)
        return w + late, (inside, there - w)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text(INDEPENDENT, encoding="utf-8")
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    return tmp_path


def compared(one, other):
    return equivalence.compare_rules(*map(plugins.rule_of, (one, other)))


def counting(_self, w, _f):
    """Return a state that is a column of epoch numbers."""
    return (np.zeros((len(w), 1)),)


def rule(name, advance, begin=lambda self, w, f: (), needs="gradient"):
    """Return a rule with a ``step`` and these methods."""
    body = {"begin": begin, "advance": advance, "step": hyper(0.1, "(0, inf)", "step"), "__module__": __name__}
    return optimizer(name, needs=needs)(type(name, (), {**body, "__annotations__": {"step": float}}))()


# -- equivalent and different rules ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_independent_implementation_is_equivalent():
    found = compared("plain.py", "irprop-")
    assert equivalence.equivalent(found)
    assert [comparison.differs_at for comparison in found] == [None] * 6
    assert sum(comparison.epochs for comparison in found) > 500
    assert equivalence.equivalent(compared("irprop-", "plain.py"))


@pytest.mark.parametrize(
    "other", ["irprop+", *(pytest.param(rule, marks=pytest.mark.slow) for rule in ("rprop", "rprop-"))]
)
def test_similar_rules_are_different(other):
    assert not equivalence.equivalent(compared("plain.py", other))


def test_rule_that_is_one_epoch_late_differs_at_once():
    """It takes 20 epochs on the published problem, as RPROP does, so that numbers of epochs show no difference."""
    found = compared("late.py", "rprop")
    assert [comparison.differs_at for comparison in found] == [1] * 6
    assert [comparison.epochs for comparison in found] == [0] * 6
    assert found[0].difference == pytest.approx(0.1 / 4)  # first step / largest initial weight
    assert (found[0].word, found[0].weight) == ("different", "w1")


def test_rule_is_identical_to_itself():
    for found in compared("adam", "adam"):
        assert (found.word, found.epochs, found.difference) == ("identical", 300, 0.0)
        assert found.weight == found.note == ""


def test_rule_with_other_roundings_is_equivalent():
    """(w - a) - b instead of w - (a + b)."""

    def advance(self, w, state, f):
        g = f.gradient(w)
        return w - 0.9 * self.step * g - 0.1 * self.step * g, state

    found = equivalence.compare_rules(rule("rounded", advance), OPTIMIZERS["gd"](step=0.1))
    assert equivalence.equivalent(found)
    assert [comparison.word for comparison in found[:3]] == ["equivalent"] * 3
    for comparison in found[:3]:
        assert 0 < comparison.difference < 1e-13
        assert 0 < comparison.roundoff < 1e-13
        assert comparison.weight in ("w1", "w2")


@pytest.mark.parametrize(
    ("step", "case"), [(0.01, 5), *(pytest.param(step, 3, marks=pytest.mark.slow) for step in (0.004, 0.006))]
)
def test_allows_differences_explained_by_roundoff(step, case):
    """Where a run amplifies roundoff, they exceed the usual tolerance."""

    def advance(self, w, state, f):
        g = f.gradient(w)
        return w - 0.9 * self.step * g - 0.1 * self.step * g, state

    rounded = dataclasses.replace(rule("rounded", advance), step=step)
    found = equivalence.compare_rules(rounded, OPTIMIZERS["gd"](step=step))
    assert equivalence.equivalent(found)
    assert found[case].difference > equivalence.TOLERANCE
    assert found[case].roundoff > found[case].difference / 10


@pytest.mark.parametrize("off", [1e-9, 1e-11])
def test_finds_difference_slightly_above_roundoff(off):
    def advance(self, w, state, f):
        return w - self.step * (1 + off) * f.gradient(w), state

    found = equivalence.compare_rules(rule("nearly", advance), OPTIMIZERS["gd"](step=0.1))
    assert not equivalence.equivalent(found)
    different = [comparison for comparison in found if comparison.differs_at]
    assert all(comparison.difference > equivalence.TOLERANCE for comparison in different)


def test_ignores_epochs_where_roundoff_dominates():
    """Gradient descent on Rastrigin is chaotic with a step this large, so that two implementations differ soon."""

    def advance(self, w, state, f):
        g = f.gradient(w)
        return w - 0.9 * self.step * g - 0.1 * self.step * g, state

    *_, rastrigin = equivalence.compare_rules(rule("rounded", advance), OPTIMIZERS["gd"](step=0.1))
    assert rastrigin.differs_at is None
    assert 1 <= rastrigin.epochs < 60
    assert rastrigin.note == "beyond this, rounding error alone moves each path away from itself"
    one, other = (
        record(iterate(r, PROBLEMS["rastrigin"](), [(2.1, -1.7)], error_threshold=None, max_epochs=300))[0].weights
        for r in (OPTIMIZERS["rounded"](), OPTIMIZERS["gd"](step=0.1))
    )
    assert abs(one[-1] - other[-1]).max() > 1e-3, "the final weights should differ"


def test_names_the_first_different_epoch_and_weight():
    def advance(self, w, state, f):
        (t,) = state
        there = w - self.step * f.gradient(w)
        return there + np.where(t == 6, [0.0, 1e-3], 0.0), (t + 1,)

    for found in equivalence.compare_rules(rule("seventh", advance, counting), OPTIMIZERS["gd"](step=0.1))[:3]:
        assert (found.differs_at, found.epochs, found.weight) == (7, 6, "w2")
        assert found.difference == pytest.approx(1e-3 / max(map(abs, found.start)), rel=0.1)


def test_rule_that_ends_sooner_is_different():
    def advance(self, w, state, f):
        (t,) = state
        f.cannot_go_on(t[:, 0] == 4)
        return w - self.step * f.gradient(w), (t + 1,)

    first = equivalence.compare_rules(rule("gives-up", advance, counting), OPTIMIZERS["gd"](step=0.1))[0]
    assert (first.differs_at, first.epochs) == (6, 5)
    stuck, exhausted = Ending.STUCK.value, Ending.EXHAUSTED.value
    assert first.note == f"gives-up: 5 epochs, {stuck}; gd: 300 epochs, {exhausted}"


def test_diverging_runs_are_compared_while_finite():
    found = equivalence.compare_rules(OPTIMIZERS["gd"](step=1e9), OPTIMIZERS["momentum"](momentum=0, step=1e9))
    assert (found[3].word, found[3].epochs) == ("identical", 1)
    assert found[3].note == f"gd: 1 epoch, {Ending.DIVERGED.value}; momentum: 1 epoch, {Ending.DIVERGED.value}"


def test_too_few_epochs_are_not_equivalent():
    """The rule is stuck after one epoch on every problem."""

    def give_up(_self, w, state, f):
        f.cannot_go_on(np.ones(len(w), dtype=bool))
        return w + 0 * f.gradient(w), state

    one, other = rule("one", give_up), rule("other", give_up)
    found = equivalence.compare_rules(one, other)
    assert [comparison.epochs for comparison in found] == [1] * 6
    assert not equivalence.equivalent(found)
    sentences = list(report.sections(report.Report(one, [], other, tuple(found))))[1][1]
    assert sentences[-1] == "too few epochs to call the algorithms equivalent (got 6, expected 10)"


def test_skips_unsuitable_problem():
    rule("needy", lambda self, w, s, f: (w - 0 * f.residuals(w)[:, :1], s), needs="residuals")
    found = equivalence.compare_rules(OPTIMIZERS["needy"](), OPTIMIZERS["gd"]())
    assert [comparison.word for comparison in found][-1] == "nothing to compare"
    assert found[-1].note == "needy requires residuals, which the problem rastrigin does not provide"
    assert found[0].differs_at == 1


# -- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", declare.KINDS)
def test_noise_is_small_and_reproducible(kind):
    beale = PROBLEMS["beale"]()
    w = np.array([[1.0, 1.5]])
    exact = getattr(beale.at(w), kind)()
    answers = [getattr(equivalence._NoisyProblem(beale, seed).at(w), kind)() for seed in (1, 1, 2)]
    assert answers[0].tobytes() == answers[1].tobytes()
    assert answers[0].tobytes() != answers[2].tobytes()
    for answer in answers:
        np.testing.assert_allclose(answer, exact, rtol=1e-12)
        assert answer.tobytes() != exact.tobytes()


def test_noisy_problem_keeps_other_attributes():
    noisy = equivalence._NoisyProblem(PROBLEMS["rosenbrock"](), 1)
    assert (noisy.name, noisy.weights, noisy.width) == ("rosenbrock", ("x", "y"), 32)


def test_cases_are_those_of_the_recorded_paths():
    from record import PROBLEMS as RECORDED

    assert [(name, start) for name, problem in RECORDED.items() for start in problem.starts] == list(equivalence.CASES)


# -- the command -----------------------------------------------------------------------------------------------------


def invoke(*arguments):
    return CliRunner().invoke(cli, ["check", *arguments])


def test_reports_rule_that_passes():
    result = invoke("plain.py:Plain")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert re.fullmatch(r"Contract of plain-irprop- \(Plain iRPROP-\) +verdict", head)
    assert len(rows) == 10
    assert all(re.search("  passed$", row) for row in rows)


@pytest.mark.parametrize(
    "spec", ["plain.py", "plain.py:plain-irprop-", "./plain.py:Plain", "plain.py:Plain:start=0.2", "plain.py:start=0.2"]
)
def test_rule_can_be_named_in_several_ways(spec):
    found = plugins.rule_of(spec)
    assert found.name == "plain-irprop-"
    assert found.start == (0.2 if "start" in spec else 0.1)


def test_registered_names_take_settings():
    assert declare.settings(plugins.rule_of("momentum:step=0.5,momentum=0"))["step"] == 0.5
    assert plugins.rule_of("golden").name == "golden"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gdd"], "gdd: unknown algorithm 'gdd'; did you mean 'gd'?"),
        (["gd:stp=1"], "gd:stp=1: stp: unknown setting of gd; did you mean 'step'?"),
        (["gd", "--against", "brent:tolerance=-1"], "brent:tolerance=-1: tolerance: expected a number in (0, 1)"),
        (["missing.py"], "missing.py: no such file"),
        (["missing.py:Rule:step=1"], "missing.py: no such file"),
        (["plain.py:Plan"], "plain.py: unknown algorithm 'Plan'; use Plain"),
        (["two.py"], "two.py: 2 algorithms found; use two.py:Plain or two.py:Plain2"),
        (["two.py:Other"], "two.py: unknown algorithm 'Other'; use Plain or Plain2"),
        (["pan.py"], "pan.py: no algorithm found; decorate a class with @optimizer(...)"),
        (["plain.py:Plain:up=0.5"], "plain.py:Plain:up=0.5: up: expected a number in (1, inf), got 0.5 (factor after"),
        (["plain.py:Plain:up"], "plain.py:Plain:up: expected key=value, got 'up'; "),
    ],
)  # fmt: skip
def test_rejects_invalid_arguments(folder, arguments, message):
    second = INDEPENDENT.partition("\n\n\n")[2].replace("Plain", "Plain2").replace("plain-irprop-", "second")
    (folder / "two.py").write_text(INDEPENDENT.replace("plain-irprop-", "first") + "\n\n" + second, encoding="utf-8")
    (folder / "pan.py").write_text(
        "from bpviz import Function, problem\n\n@problem('pan')\nclass Pan(Function):\n"
        "    start, window, minima = (1.0, 1.0), ((0.0, 1.0), (0.0, 1.0)), ()\n"
    )
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)


def test_usage_error_exits_with_2():
    assert invoke().exit_code == 2
    assert invoke("gd", "--format", "csv").exit_code == 2


def test_failed_check_exits_with_1_and_lists_findings(folder):
    text = INDEPENDENT.replace('"C. Igel & M. Hüsken, 2003"', '"unpublished"').replace("Δmax: high", "")
    (folder / "plain.py").write_text(text, encoding="utf-8")
    result = invoke("plain.py")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines()[-4:] == [
        "docstring has formula, symbols and source; name is unambiguous             failed",
        "",
        "  docstring: missing symbol of high; add a line such as `η: high`",
        "  source: missing year (got 'unpublished'); use @optimizer(..., source='authors, title, year')",
    ]


def test_rule_that_does_not_run_is_not_compared(folder):
    (folder / "plain.py").write_text(INDEPENDENT.replace("if g * before > 0", "if g > nothing"), encoding="utf-8")
    result = invoke("plain.py", "--against", "irprop-")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.count("  skipped\n") == 7
    assert re.search(
        r"^  plain-irprop- \(plain\.py:\d+\), epoch 1: NameError: name 'nothing' is not", result.stdout, re.MULTILINE
    )
    assert result.stdout.endswith("  not compared: the first algorithm does not run\n")


@pytest.mark.slow
def test_equivalent_rules_exit_with_0():
    result = invoke("plain.py", "--against", "irprop-")
    assert (result.exit_code, result.stderr) == (0, "")
    second = result.stdout.split("\n\n")[1].splitlines()
    assert re.fullmatch(
        r"Compared with irprop- \(iRPROP−\) +start +epochs +difference +weight +roundoff +verdict", second[0]
    )
    assert len(second) == 7
    assert all(re.search(r"  (equivalent|identical, bit for bit)$", row) for row in second[1:])


def test_different_rules_exit_with_1():
    result = invoke("late.py", "--against", "rprop")
    assert (result.exit_code, result.stderr) == (1, "")
    contract, comparison = result.stdout.split("\n\n")[:2]
    assert contract.count("  passed") == 10
    row = comparison.splitlines()[1]
    assert re.split("  +", row) == ["perceptron", "(-4, -4)", "0", "0.025", "w1", "0", "different from epoch 1"]
    assert comparison.count("different from epoch 1\n") >= 5


@pytest.mark.slow
def test_report_lists_different_settings():
    result = invoke("momentum:momentum=0", "--against", "gd:step=0.1")
    assert result.exit_code == 1
    assert result.stdout.split("\n\n")[2].splitlines()[:2] == [
        "  different setting: step 0.3 in the first algorithm, step 0.1 in the second",
        "  only in the first algorithm: momentum 0, dampening 0 and convention torch",
    ]
    sentence = "  only in the second algorithm: increase 1.2, decrease 0.5, min_step 0.001 and max_step 10\n"
    assert sentence in invoke("gd", "--against", "rprop").stdout


def test_synonymous_settings_are_compared():
    def make(name, **settings):
        fields = {key: hyper(value, "(0, inf)", "a setting") for key, value in settings.items()}
        methods = {"begin": lambda self, w, f: (), "advance": lambda self, w, s, f: (w, s)}
        body = {**fields, **methods, "__annotations__": dict.fromkeys(fields, float)}
        return optimizer(name, needs="gradient")(type(name, (), body))()

    one, other = make("one", lr=0.3, b1=0.5), make("other", step=0.3, lr=0.1)
    adam = OPTIMIZERS["adam"](step=0.3)
    assert report.Report(adam, [], one).differing_settings() == [
        ("beta1", "b1", 0.9, 0.5),
        ("beta2", "", 0.999, None),
        ("epsilon", "", 1e-8, None),
        ("epsilon_root", "", 0.0, None),
    ]
    search = OPTIMIZERS["powell"](), OPTIMIZERS["scipy:Powell"]()
    assert ("tolerance", "xtol", 0.01, 1e-4) in report.Report(search[0], [], search[1]).differing_settings()
    assert report.Report(one, [], other).differing_settings() == [
        ("lr", "lr", 0.3, 0.1),
        ("b1", "", 0.5, None),
        ("", "step", None, 0.3),
    ]
    comparison = equivalence.Comparison("beale", (1.0, 1.5), 0, 1, 1.0, "x", 0.0, "")
    text = report.as_text(report.Report(one, [], OPTIMIZERS["adam"](), (comparison,)))
    assert "  different setting: lr 0.3 in the first algorithm, step 0.001 in the second\n" in text


@pytest.mark.slow
def test_json_report():
    result = invoke("late.py", "--against", "rprop:step=0.2", "--format", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    data = json.loads(result.stdout)
    assert list(data) == ["schema", "passed", "rule", "contract", "against"]
    assert (data["schema"], data["passed"]) == (2, False)
    assert data["rule"] == {
        "name": "late-rprop",
        "label": "Late RPROP",
        "settings": {"step": 0.1, "increase": 1.2, "decrease": 0.5, "min_step": 0.001, "max_step": 10.0},
        "needs": ["gradient"],
        "source": "this test, 2026",
        "file": "late.py",
    }
    assert data["contract"][0] == {
        "check": "runs",
        "requirement": "runs for 20 epochs without an exception",
        "passed": True,
        "findings": [],
    }
    assert [check["passed"] for check in data["contract"]] == [True] * 10
    against = data["against"]
    assert list(against) == ["rule", "equivalent", "differing_settings", "runs"]
    assert (against["rule"]["name"], against["rule"]["file"], against["equivalent"]) == ("rprop", None, False)
    assert against["differing_settings"] == [
        {"name": "step", "other_name": "step", "value": 0.1, "other_value": 0.2},
    ]
    assert against["runs"][0] == {
        "problem": "perceptron",
        "start": [-4.0, -4.0],
        "verdict": "different",
        "epochs": 0,
        "differs_at": 1,
        "difference": pytest.approx(0.05),
        "weight": "w1",
        "roundoff": 0.0,
        "note": "",
    }


def test_json_report_without_another_rule():
    data = json.loads(invoke("gd", "--format", "json").stdout)
    assert list(data) == ["schema", "passed", "rule", "contract"]
    assert data["passed"] is True


def test_long_lists_of_findings_are_shortened():
    verdict = contract.Verdict("settings", "settings are valid", False, tuple(f"finding {i}" for i in range(8)))
    text = report.as_text(report.Report(OPTIMIZERS["gd"](), [verdict]))
    assert text.splitlines()[-2:] == ["  finding 4", "  ... and 3 more"]
    assert len(report.as_data(report.Report(OPTIMIZERS["gd"](), [verdict]))["contract"][0]["findings"]) == 8


def test_non_finite_numbers_are_null():
    comparison = equivalence.Comparison("beale", (1.0, 1.5), 3, 4, float("nan"), "x", float("inf"), "")
    data = report.as_data(report.Report(OPTIMIZERS["gd"](), [], OPTIMIZERS["adam"](), (comparison,)))
    run = json.loads(json.dumps(data, allow_nan=False))["against"]["runs"][0]
    assert (run["difference"], run["roundoff"], run["verdict"]) == (None, None, "different")


def test_output_of_a_rule_goes_to_stderr(folder):
    loud = INDEPENDENT.replace("        g = f.gradient(w)\n", "        g = f.gradient(w)\n        print('loud')\n")
    (folder / "plain.py").write_text(loud, encoding="utf-8")
    result = invoke("plain.py", "--format", "json")
    assert json.loads(result.stdout)["passed"] is True
    assert set(result.stderr.split()) == {"loud"}


@pytest.mark.slow
def test_plugin_option():
    assert invoke("late-rprop", "--plugin", "late.py", "--against", "plain.py").exit_code == 1


def test_rejects_two_rules_with_the_same_name(folder):
    (folder / "copy.py").write_text(INDEPENDENT, encoding="utf-8")
    result = invoke("plain.py", "--against", "copy.py")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "duplicate algorithm 'plain-irprop-': Plain in plain.py and Plain in copy.py" in result.stderr
    with pytest.raises(ConfigError, match="duplicate algorithm"):
        plugins.rule_of("copy.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_verdicts_are_colored_on_a_terminal(folder):
    import os
    import pty
    import subprocess
    import termios
    from pathlib import Path

    import bpviz

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(bpviz.__file__).parent.parent)}
    for unwanted in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        environment.pop(unwanted, None)
    with subprocess.Popen(
        [sys.executable, "-m", "bpviz", "check", "rprop", "--against", "irprop-:step=0.2"],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(ours)
    text = shown.decode()
    assert running.returncode == 1
    assert "\x1b[1mContract of rprop (RPROP)" in text
    assert text.count("\x1b[32mpassed") == 10
    assert text.count("\x1b[31mdifferent from epoch 1") == 6
    assert "  different setting: step 0.1 in the first algorithm, step 0.2 in the second" in text
