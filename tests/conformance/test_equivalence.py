"""Where two rules part, how far that can be told, and what `bpviz check` says of it."""

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
from bpviz.engine.loop import march
from bpviz.engine.results import record

pytestmark = pytest.mark.usefixtures("forgotten", "short_contract")

# iRPROP- a second time: one weight after the other, in plain numbers.
INDEPENDENT = '''\
import numpy as np
from bpviz import hyper, optimizer

SOURCE = "C. Igel & M. Hüsken, 2003"


@optimizer("plain-irprop-", label="Plain iRPROP-", needs="gradient", source=SOURCE)
class Plain:
    """A step for each weight by the signs of its gradients. g = ∇E(w).

    Δ ← η⁺ Δ or η⁻ Δ,  w ← w - sign(g) Δ

    Δ: start, η⁺: up, η⁻: down, Δmin: low, Δmax: high
    """

    start: float = hyper(0.1, "(0, inf)", "first step")
    up: float = hyper(1.2, "(1, inf)", "factor after the same sign")
    down: float = hyper(0.5, "(0, 1)", "factor after another sign")
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

# As optax's is, in 0.2.8: every update is that of the epoch before.
LATE = '''\
import numpy as np
from bpviz import optimizer
from bpviz.optimizers.rprop import Rprop


@optimizer("late-rprop", label="Late RPROP", needs="gradient", source="this test, 2026")
class Late(Rprop):
    """RPROP, one epoch late. g = ∇E(w).

    w ← w + (move of the epoch before)

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
    return equivalence.side_by_side(*map(plugins.rule_of, (one, other)))


def counting(_self, w, _f):
    """Begin with a column that the rule counts its epochs in."""
    return (np.zeros((len(w), 1)),)


def rule(name, advance, begin=lambda self, w, f: (), needs="gradient"):
    """Return a rule with a ``step`` that is made of these methods."""
    body = {"begin": begin, "advance": advance, "step": hyper(0.1, "(0, inf)", "step"), "__module__": __name__}
    return optimizer(name, needs=needs)(type(name, (), {**body, "__annotations__": {"step": float}}))()


# -- rules that are one and rules that are not -----------------------------------------------------------------------


def test_an_independent_text_of_a_rule_is_that_rule():
    found = compared("plain.py", "irprop-")
    assert equivalence.agree(found)
    assert [beside.parts for beside in found] == [None] * 6
    assert sum(beside.epochs for beside in found) > 500
    assert equivalence.agree(compared("irprop-", "plain.py"))


@pytest.mark.parametrize(
    "other", ["irprop+", *(pytest.param(rule, marks=pytest.mark.slow) for rule in ("rprop", "rprop-"))]
)
def test_and_not_its_cousins(other):
    assert not equivalence.agree(compared("plain.py", other))


def test_a_rule_that_is_one_epoch_late_parts_at_the_first():
    """It takes 20 epochs on the published problem, as RPROP does: counts do not tell."""
    found = compared("late.py", "rprop")
    assert [beside.parts for beside in found] == [1] * 6
    assert [beside.epochs for beside in found] == [0] * 6
    assert found[0].difference == pytest.approx(0.1 / 4)  # the first step, of the weights at the start
    assert (found[0].word, found[0].weight) == ("part", "w1")


def test_the_same_rule_is_the_same_to_the_last_bit():
    for beside in compared("adam", "adam"):
        assert (beside.word, beside.epochs, beside.difference, beside.weight, beside.note) == (
            *("identical", 300, 0.0, ""),
            "",
        )


def test_a_rule_with_other_roundings_is_the_same():
    """(w - a) - b for w - (a + b), with all the weight there is in cancellation."""

    def advance(self, w, state, f):
        g = f.gradient(w)
        return w - 0.9 * self.step * g - 0.1 * self.step * g, state

    found = equivalence.side_by_side(rule("rounded", advance), OPTIMIZERS["gd"](step=0.1))
    assert equivalence.agree(found)
    assert [beside.word for beside in found[:3]] == ["same"] * 3
    for beside in found[:3]:
        assert 0 < beside.difference < 1e-13
        assert 0 < beside.roundoff < 1e-13
        assert beside.weight in ("w1", "w2")


@pytest.mark.parametrize(
    ("step", "course"), [(0.01, 5), *(pytest.param(step, 3, marks=pytest.mark.slow) for step in (0.004, 0.006))]
)
def test_what_roundoff_does_to_either_is_allowed_between_them(step, course):
    """Where a run amplifies it, more than is equal elsewhere."""

    def advance(self, w, state, f):
        g = f.gradient(w)
        return w - 0.9 * self.step * g - 0.1 * self.step * g, state

    rounded = dataclasses.replace(rule("rounded", advance), step=step)
    found = equivalence.side_by_side(rounded, OPTIMIZERS["gd"](step=step))
    assert equivalence.agree(found)
    assert found[course].difference > equivalence.EQUAL
    assert found[course].roundoff > found[course].difference / 10


@pytest.mark.parametrize("off", [1e-9, 1e-11])
def test_a_difference_a_little_above_roundoff_is_found(off):
    def advance(self, w, state, f):
        return w - self.step * (1 + off) * f.gradient(w), state

    found = equivalence.side_by_side(rule("nearly", advance), OPTIMIZERS["gd"](step=0.1))
    assert not equivalence.agree(found)
    parted = [beside for beside in found if beside.parts]
    assert all(beside.difference > equivalence.EQUAL for beside in parted)


def test_where_roundoff_decides_nothing_is_claimed():
    """Gradient descent on Rastrigin with a step this large is chaos: two texts part soon, and are not blamed for it."""

    def advance(self, w, state, f):
        g = f.gradient(w)
        return w - 0.9 * self.step * g - 0.1 * self.step * g, state

    *_, rastrigin = equivalence.side_by_side(rule("rounded", advance), OPTIMIZERS["gd"](step=0.1))
    assert rastrigin.parts is None
    assert 1 <= rastrigin.epochs < 60
    assert rastrigin.note == "then roundoff alone parts each from itself"
    one, other = (
        record(march(r, PROBLEMS["rastrigin"](), [(2.1, -1.7)], error_threshold=None, max_epochs=300))[0].weights
        for r in (OPTIMIZERS["rounded"](), OPTIMIZERS["gd"](step=0.1))
    )
    assert abs(one[-1] - other[-1]).max() > 1e-3, "else there is nothing to be careful about"


def test_a_difference_in_one_weight_from_one_epoch_on_is_named():
    def advance(self, w, state, f):
        (t,) = state
        there = w - self.step * f.gradient(w)
        return there + np.where(t == 6, [0.0, 1e-3], 0.0), (t + 1,)

    for beside in equivalence.side_by_side(rule("seventh", advance, counting), OPTIMIZERS["gd"](step=0.1))[:3]:
        assert (beside.parts, beside.epochs, beside.weight) == (7, 6, "w2")
        assert beside.difference == pytest.approx(1e-3 / max(map(abs, beside.start)), rel=0.1)


def test_one_that_ends_sooner_parts_there():
    def advance(self, w, state, f):
        (t,) = state
        f.cannot_go_on(t[:, 0] == 4)
        return w - self.step * f.gradient(w), (t + 1,)

    first = equivalence.side_by_side(rule("gives-up", advance, counting), OPTIMIZERS["gd"](step=0.1))[0]
    assert (first.parts, first.epochs) == (6, 5)
    assert first.note == (
        "gives-up cannot go on (no step reduces the error) after 5 epochs, and gd ran out of epochs after 300 epochs"
    )


def test_two_that_diverge_alike_are_compared_as_long_as_they_are_finite():
    found = equivalence.side_by_side(OPTIMIZERS["gd"](step=1e9), OPTIMIZERS["momentum"](momentum=0, step=1e9))
    assert (found[3].word, found[3].epochs) == ("identical", 1)
    assert found[3].note == ("gd stopped being finite after 1 epoch, and momentum stopped being finite after 1 epoch")


def test_too_little_to_compare_is_no_agreement():
    """Here every problem is too hard for the rule."""

    def give_up(_self, w, state, f):
        f.cannot_go_on(np.ones(len(w), dtype=bool))
        return w + 0 * f.gradient(w), state

    one, other = rule("one", give_up), rule("other", give_up)
    found = equivalence.side_by_side(one, other)
    assert [beside.epochs for beside in found] == [1] * 6
    assert not equivalence.agree(found)
    said = list(report.sections(report.Report(one, [], other, tuple(found))))[1][1]
    assert said[-1] == "6 epochs in all are too few to say that they are the same"


def test_a_problem_that_does_not_suit_is_passed_over():
    rule("needy", lambda self, w, s, f: (w - 0 * f.residuals(w)[:, :1], s), needs="residuals")
    found = equivalence.side_by_side(OPTIMIZERS["needy"](), OPTIMIZERS["gd"]())
    assert [beside.word for beside in found][-1] == "nothing to compare"
    assert found[-1].note == "needy needs residuals, which this rastrigin does not have"
    assert found[0].parts == 1


# -- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", declare.KINDS)
def test_noise_is_as_large_as_a_few_roundings_and_the_same_every_time(kind):
    beale = PROBLEMS["beale"]()
    w = np.array([[1.0, 1.5]])
    exact = getattr(beale.at(w), kind)()
    answers = [getattr(equivalence._Noisy(beale, seed).at(w), kind)() for seed in (1, 1, 2)]
    assert answers[0].tobytes() == answers[1].tobytes()
    assert answers[0].tobytes() != answers[2].tobytes()
    for answer in answers:
        np.testing.assert_allclose(answer, exact, rtol=1e-12)
        assert answer.tobytes() != exact.tobytes()


def test_a_noisy_problem_is_otherwise_what_it_is():
    noisy = equivalence._Noisy(PROBLEMS["rosenbrock"](), 1)
    assert (noisy.name, noisy.weights, noisy.width) == ("rosenbrock", ("x", "y"), 32)


def test_the_courses_are_those_of_the_recorded_paths():
    from record import PROBLEMS as RECORDED

    assert [(name, start) for name, problem in RECORDED.items() for start in problem.starts] == list(
        equivalence.COURSES
    )


# -- the command -----------------------------------------------------------------------------------------------------


def invoke(*arguments):
    return CliRunner().invoke(cli, ["check", *arguments])


def test_the_report_of_a_rule_that_keeps_the_contract():
    result = invoke("plain.py:Plain")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert re.fullmatch(r"The contract of plain-irprop-, Plain iRPROP- +verdict", head)
    assert len(rows) == 9
    assert all(re.search("  holds$", row) for row in rows)


@pytest.mark.parametrize(
    "spec", ["plain.py", "plain.py:plain-irprop-", "./plain.py:Plain", "plain.py:Plain:start=0.2", "plain.py:start=0.2"]
)
def test_the_ways_to_name_a_rule(spec):
    made = plugins.rule_of(spec)
    assert made.name == "plain-irprop-"
    assert made.start == (0.2 if "start" in spec else 0.1)


def test_registered_names_have_settings_too():
    assert declare.settings(plugins.rule_of("momentum:step=0.5,momentum=0"))["step"] == 0.5
    assert plugins.rule_of("golden").name == "golden"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gdd"], "gdd: 'gdd' is not the name of an algorithm; did you mean 'gd'?"),
        (["gd:stp=1"], "gd:stp=1: stp: unknown setting of gd; did you mean 'step'?"),
        (["gd", "--against", "brent:tolerance=-1"], "brent:tolerance=-1: tolerance: -1 is not in "),
        (["missing.py"], "missing.py: no such file"),
        (["missing.py:Rule:step=1"], "missing.py: no such file"),
        (["plain.py:Plan"], "plain.py: no algorithm is named 'Plan'; there is Plain"),
        (["two.py"], "two.py: which one? There are Plain and Plain2"),
        (["two.py:Other"], "two.py: no algorithm is named 'Other'; there is Plain and Plain2"),
        (["pan.py"], "pan.py: it defines no algorithm"),
        (["plain.py:Plain:up=0.5"], "plain.py:Plain:up=0.5: up: 0.5 is not in (1, inf) (factor after the same sign)"),
        (["plain.py:Plain:up"], "plain.py:Plain:up: 'up' is not key=value; an example is "),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_checked(folder, arguments, said):
    second = INDEPENDENT.partition("\n\n\n")[2].replace("Plain", "Plain2").replace("plain-irprop-", "second")
    (folder / "two.py").write_text(INDEPENDENT.replace("plain-irprop-", "first") + "\n\n" + second, encoding="utf-8")
    (folder / "pan.py").write_text(
        "from bpviz import Function, problem\n\n@problem('pan')\nclass Pan(Function):\n"
        "    start, window, minima = (1.0, 1.0), ((0.0, 1.0), (0.0, 1.0)), ()\n"
    )
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(said)


def test_a_usage_mistake_leaves_with_two():
    assert invoke().exit_code == 2
    assert invoke("gd", "--format", "csv").exit_code == 2


def test_a_broken_promise_leaves_with_one_and_says_what_was_found(folder):
    text = INDEPENDENT.replace('"C. Igel & M. Hüsken, 2003"', '"nobody"').replace("Δmax: high", "")
    (folder / "plain.py").write_text(text, encoding="utf-8")
    result = invoke("plain.py")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines()[-4:] == [
        "its formula, its letters, its source and its name are told                       fails",
        "",
        "  the docstring does not say which letter is high: `η: high`",
        "  the source 'nobody' has no year",
    ]


def test_a_rule_that_does_not_run_is_not_compared(folder):
    (folder / "plain.py").write_text(INDEPENDENT.replace("if g * before > 0", "if g > nothing"), encoding="utf-8")
    result = invoke("plain.py", "--against", "irprop-")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.count("  not tried\n") == 6
    assert re.search(
        r"^  plain-irprop- \(plain\.py:\d+\), epoch 1: NameError: name 'nothing' is not", result.stdout, re.MULTILINE
    )
    assert result.stdout.endswith("  not compared: the rule does not run\n")


@pytest.mark.slow
def test_two_that_are_one_leave_with_zero():
    result = invoke("plain.py", "--against", "irprop-")
    assert (result.exit_code, result.stderr) == (0, "")
    second = result.stdout.split("\n\n")[1].splitlines()
    assert re.fullmatch(r"Beside irprop-, iRPROP− +start +epochs +difference +in +roundoff +verdict", second[0])
    assert len(second) == 7
    assert all(re.search(r"  the same(, bit for bit)?$", row) for row in second[1:])


def test_two_that_part_leave_with_one():
    result = invoke("late.py", "--against", "rprop")
    assert (result.exit_code, result.stderr) == (1, "")
    contract, beside = result.stdout.split("\n\n")[:2]
    assert contract.count("  holds") == 9
    row = beside.splitlines()[1]
    assert re.split("  +", row) == ["perceptron", "(-4, -4)", "0", "0.025", "w1", "0", "part at epoch 1"]
    assert beside.count("part at epoch 1\n") >= 5


@pytest.mark.slow
def test_settings_that_differ_are_told():
    result = invoke("momentum:momentum=0", "--against", "gd:step=0.1")
    assert result.exit_code == 1
    assert result.stdout.split("\n\n")[2].splitlines()[:2] == [
        "  step is 0.3 in the first and 0.1 in the second",
        "  the first alone has momentum 0, dampening 0 and convention torch",
    ]
    alone = "  the second alone has increase 1.2, decrease 0.5, min_step 0.001 and max_step 10\n"
    assert alone in invoke("gd", "--against", "rprop").stdout


def test_settings_of_one_meaning_are_one_whatever_they_are_called():
    def made(name, **settings):
        fields = {key: hyper(value, "(0, inf)", "a setting") for key, value in settings.items()}
        methods = {"begin": lambda self, w, f: (), "advance": lambda self, w, s, f: (w, s)}
        body = {**fields, **methods, "__annotations__": dict.fromkeys(fields, float)}
        return optimizer(name, needs="gradient")(type(name, (), body))()

    one, other = made("one", lr=0.3, b1=0.5), made("other", step=0.3, lr=0.1)
    adam = OPTIMIZERS["adam"](step=0.3)
    assert report.Report(adam, [], one).differing() == [
        ("beta1", "b1", 0.9, 0.5),
        ("beta2", "", 0.999, None),
        ("epsilon", "", 1e-8, None),
    ]
    search = OPTIMIZERS["powell"](), OPTIMIZERS["scipy:Powell"]()
    assert ("tolerance", "xtol", 0.01, 1e-4) in report.Report(search[0], [], search[1]).differing()
    assert report.Report(one, [], other).differing() == [
        ("lr", "lr", 0.3, 0.1),
        ("b1", "", 0.5, None),
        ("", "step", None, 0.3),
    ]
    beside = equivalence.Beside("beale", (1.0, 1.5), 0, 1, 1.0, "x", 0.0, "")
    text = report.as_text(report.Report(one, [], OPTIMIZERS["adam"](), (beside,)))
    assert "  lr is 0.3 in the first and step is 0.001 in the second\n" in text


@pytest.mark.slow
def test_the_report_for_programs():
    result = invoke("late.py", "--against", "rprop:step=0.2", "--format", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    data = json.loads(result.stdout)
    assert list(data) == ["schema", "holds", "rule", "contract", "against"]
    assert (data["schema"], data["holds"]) == (1, False)
    assert data["rule"] == {
        "name": "late-rprop",
        "label": "Late RPROP",
        "settings": {"step": 0.1, "increase": 1.2, "decrease": 0.5, "min_step": 0.001, "max_step": 10.0},
        "needs": ["gradient"],
        "source": "this test, 2026",
        "file": "late.py",
    }
    assert data["contract"][0] == {"check": "runs", "promise": "it runs", "holds": True, "findings": []}
    assert [check["holds"] for check in data["contract"]] == [True] * 9
    against = data["against"]
    assert list(against) == ["rule", "agree", "differing_settings", "runs"]
    assert (against["rule"]["name"], against["rule"]["file"], against["agree"]) == ("rprop", None, False)
    assert against["differing_settings"] == [
        {"name": "step", "value": 0.1, "name_there": "step", "value_there": 0.2},
    ]
    assert against["runs"][0] == {
        "problem": "perceptron",
        "start": [-4.0, -4.0],
        "verdict": "part",
        "epochs": 0,
        "parts_at": 1,
        "difference": pytest.approx(0.05),
        "weight": "w1",
        "roundoff": 0.0,
        "note": "",
    }


def test_the_report_for_programs_without_another_rule():
    data = json.loads(invoke("gd", "--format", "json").stdout)
    assert list(data) == ["schema", "holds", "rule", "contract"]
    assert data["holds"] is True


def test_a_report_with_too_many_findings_is_cut():
    verdict = contract.Verdict("settings", "they are", False, tuple(f"finding {i}" for i in range(8)))
    text = report.as_text(report.Report(OPTIMIZERS["gd"](), [verdict]))
    assert text.splitlines()[-2:] == ["  finding 4", "  ... and 3 more of this kind"]
    assert len(report.as_data(report.Report(OPTIMIZERS["gd"](), [verdict]))["contract"][0]["findings"]) == 8


def test_a_number_that_is_not_finite_is_null():
    beside = equivalence.Beside("beale", (1.0, 1.5), 3, 4, float("nan"), "x", float("inf"), "")
    data = report.as_data(report.Report(OPTIMIZERS["gd"](), [], OPTIMIZERS["adam"](), (beside,)))
    run = json.loads(json.dumps(data, allow_nan=False))["against"]["runs"][0]
    assert (run["difference"], run["roundoff"], run["verdict"]) == (None, None, "part")


def test_what_a_rule_prints_is_no_part_of_the_report(folder):
    loud = INDEPENDENT.replace("        g = f.gradient(w)\n", "        g = f.gradient(w)\n        print('loud')\n")
    (folder / "plain.py").write_text(loud, encoding="utf-8")
    result = invoke("plain.py", "--format", "json")
    assert json.loads(result.stdout)["holds"] is True
    assert set(result.stderr.split()) == {"loud"}


@pytest.mark.slow
def test_a_plugin_can_be_named_beside():
    assert invoke("late-rprop", "--plugin", "late.py", "--against", "plain.py").exit_code == 1


def test_the_same_name_in_both_places_is_a_clash(folder):
    (folder / "copy.py").write_text(INDEPENDENT, encoding="utf-8")
    result = invoke("plain.py", "--against", "copy.py")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "two definitions of the algorithm 'plain-irprop-': Plain in plain.py and Plain in copy.py" in result.stderr
    with pytest.raises(ConfigError, match="two definitions"):
        plugins.rule_of("copy.py")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_the_verdicts_have_colours(folder):
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
    assert "\x1b[1mThe contract of rprop, RPROP" in text
    assert text.count("\x1b[32mholds") == 9
    assert text.count("\x1b[31mpart at epoch 1") == 6
    assert "  step is 0.1 in the first and 0.2 in the second" in text
