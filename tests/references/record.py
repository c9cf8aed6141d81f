"""Record the paths of independent implementations, with which the tests compare the rules at every update.

    pip install --group references
    python tests/references/record.py [family ...]

A family is a file ``cases_<family>.py`` in this folder with ``CASES``: which call of which library corresponds to which
rule of bpviz. Each call is made on every problem of PROBLEMS, in float64. The weights after every update are written to
``<family>.npz``, and a manifest to ``<family>.json``. README.md explains the numbers in it.

This script does not import bpviz: it runs the optimizer of the library, with gradients from the formulas below.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import itertools
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias
from unittest import mock

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Rounding: TypeAlias = Callable[[Any], Any]

HERE = Path(__file__).parent
VERSIONS = ("torch", "pytorch_optimizer", "optax", "jaxopt", "jax", "scipy", "numpy")
UPDATES = 300
TOLERANCE = 1e-12  # allowed difference where roundoff does not grow, relative to the largest weight so far
NOISE = 1e-15  # relative, on every gradient and in its computation: about five to ten roundings
SEEDS = (1, 2, 3)
SAFETY = 10  # factor on the effect of noise, for the allowed difference
PARTED = 1e-10  # where noise moves a run by more, its path is arbitrary
AHEAD = 2  # the comparison ends this many updates earlier
HUGE = 1e100  # larger errors count as infinite
DIAGONAL, NORMAL = "the Hessian's diagonal", "NumPy's normal numbers"  # what a library can get instead of its own


class Case(NamedTuple):
    """A claim: ``rule`` with ``settings`` has the path of ``name`` of ``library``, called with ``arguments``.

    ``name`` is a name in the library: "Adam" (torch.optim), "contrib.prodigy" (optax), "LevenbergMarquardt" (jaxopt,
    for residuals), "BFGS" (a method of scipy.optimize.minimize with the options ``arguments``). After a space it may
    name a replaced part, see REPLACED: "BFGS by line_search". An argument that is itself a call is a mapping with
    ``name`` and ``arguments``; an argument whose name is a number is positional. If ``rule`` is a wrapper, ``around``
    in its settings has the name and the settings of the wrapped rule.

    ``why`` is the reason for the settings, or for a difference. ``tolerance`` is for a library that computes something
    in float32 or approximately. ``parts`` is for implementations that share a name but not a path: the update at which
    they start to differ. ``reads`` names the path if it is not the parameters: a tensor in torch's state ("ax"), or a
    function of optax of state and parameters ("contrib.schedule_free_eval_params"). ``handed`` names the value that the
    library gets instead of a random one: DIAGONAL instead of an estimate, or NORMAL.
    """

    rule: str
    settings: Mapping[str, Any]
    library: str
    name: str
    arguments: Mapping[str, Any]
    why: str = ""
    tolerance: float = TOLERANCE
    parts: int | None = None
    reads: str = ""
    handed: str = ""

    @property
    def call(self) -> str:
        """The recorded call, as manifests name it."""
        reading = f" read by {self.reads}" if self.reads else ""
        handed = f" handed {self.handed}" if self.handed else ""
        return f"{self.library}:{_call(self.name, self.arguments)}{reading}{handed}"


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    given = (_argument(value) if key.isdigit() else f"{key}={_argument(value)}" for key, value in arguments.items())
    return f"{name}({', '.join(given)})"


def _argument(value: Any) -> str:
    return _call(**value) if isinstance(value, Mapping) else json.dumps(value)


def families() -> dict[str, list[Case]]:
    """Return the cases of every family, by its name."""
    names = sorted(path.stem for path in HERE.glob("cases_*.py"))
    return {name.removeprefix("cases_"): importlib.import_module(name).CASES for name in names}


# -- problems --------------------------------------------------------------------------------------------------------
# Each intermediate value passes through ``r``, which can add noise; ``xp`` is NumPy or jax.numpy.


class Problem(NamedTuple):
    """A function of two weights with its derivatives, and the starts of the runs."""

    error: Callable[[Any, Rounding, Any], Any]
    gradient: Callable[[Array, Rounding], list[float]]
    hessian: Callable[[Array, Rounding], list[list[float]]]
    starts: tuple[tuple[float, float], ...]
    residuals: Callable[[Any, Rounding, Any], Any] | None = None  # whose squares add up to the error


X = np.array([(0.9, 0.3), (0.5, 0.3), (0.2, 0.1), (0.7, 0.5), (0.1, 0.8), (0.1, 0.9)])
Y = np.array([1, 1, 1, 0, 0, 0])


def _six_points_error(w: Any, r: Rounding, xp: Any) -> Any:
    return (r(1 / (1 + xp.exp(-r(X @ w))) - Y) ** 2).mean()


def _six_points_gradient(w: Array, r: Rounding) -> list[float]:
    p = r(1 / (1 + np.exp(-r(X @ w))))
    return list((2 * (p - Y) * p * (1 - p)) @ X / 6)


def _six_points_hessian(w: Array, r: Rounding) -> list[list[float]]:
    p = r(1 / (1 + np.exp(-r(X @ w))))
    bend = 2 * p * (1 - p) * (p * (1 - p) + (p - Y) * (1 - 2 * p))
    return list((X.T * bend) @ X / 6)


def _six_points_residuals(w: Any, r: Rounding, xp: Any) -> Any:
    return (r(1 / (1 + xp.exp(-r(X @ w)))) - Y) / math.sqrt(6)


def _rosenbrock_error(w: Any, r: Rounding, _xp: Any) -> Any:
    x, y = w
    return 100 * (y - r(x * x)) ** 2 + (1 - x) ** 2


def _rosenbrock_gradient(w: Array, r: Rounding) -> list[float]:
    x, y = w
    return [-400 * x * (y - r(x * x)) - 2 * (1 - x), 200 * (y - r(x * x))]


def _rosenbrock_hessian(w: Array, r: Rounding) -> list[list[float]]:
    x, y = w
    return [[1200 * r(x * x) - 400 * y + 2, -400 * x], [-400 * x, 200]]


def _rosenbrock_residuals(w: Any, r: Rounding, xp: Any) -> Any:
    x, y = w
    return xp.stack([1 - x, 10 * (y - r(x * x))])


def _beale_residuals(w: Any, r: Rounding) -> list[Any]:
    x, y = w
    return [c - r(x * (1 - y**n)) for n, c in enumerate((1.5, 2.25, 2.625), 1)]


def _beale_error(w: Any, r: Rounding, _xp: Any) -> Any:
    return sum(residual**2 for residual in _beale_residuals(w, r))


def _beale_gradient(w: Array, r: Rounding) -> list[float]:
    x, y = w
    terms = list(enumerate(_beale_residuals(w, r), 1))
    return [sum(-2 * a * (1 - y**n) for n, a in terms), sum(2 * a * x * n * y ** (n - 1) for n, a in terms)]


def _beale_hessian(w: Array, r: Rounding) -> list[list[float]]:
    x, y = w
    terms = list(enumerate(_beale_residuals(w, r), 1))
    xx = sum(2 * (1 - y**n) ** 2 for n, _ in terms)
    xy = sum(2 * n * y ** (n - 1) * (a - x * (1 - y**n)) for n, a in terms)
    yy = sum(
        2 * (x * n * y ** (n - 1)) ** 2 + (2 * a * x * n * (n - 1) * y ** (n - 2) if n > 1 else 0) for n, a in terms
    )
    return [[xx, xy], [xy, yy]]


def _rastrigin_error(w: Any, r: Rounding, xp: Any) -> Any:
    return sum(x * x + 10 * (1 - xp.cos(r(2 * math.pi * x))) for x in w)


def _rastrigin_gradient(w: Array, r: Rounding) -> list[float]:
    return [2 * x + 20 * math.pi * np.sin(r(2 * math.pi * x)) for x in w]


def _rastrigin_hessian(w: Array, r: Rounding) -> list[list[float]]:
    a, b = (2 + 40 * math.pi**2 * np.cos(r(2 * math.pi * x)) for x in w)
    return [[a, 0.0], [0.0, b]]


PROBLEMS = {
    "perceptron": Problem(
        _six_points_error,
        _six_points_gradient,
        _six_points_hessian,
        ((-4.0, -4.0), (-6.0, 2.0), (3.0, -2.0)),
        _six_points_residuals,
    ),
    "rosenbrock": Problem(
        _rosenbrock_error, _rosenbrock_gradient, _rosenbrock_hessian, ((-1.2, 1.0),), _rosenbrock_residuals
    ),
    # Not the usual (1, 1), where a derivative is exactly 0, so that rounding decides its sign.
    "beale": Problem(
        _beale_error,
        _beale_gradient,
        _beale_hessian,
        ((1.0, 1.5),),
        lambda w, r, xp: xp.stack(_beale_residuals(w, r)),
    ),
    "rastrigin": Problem(_rastrigin_error, _rastrigin_gradient, _rastrigin_hessian, ((2.1, -1.7),)),
}


def problems(case: Case) -> dict[str, Problem]:
    """Return the problems that the library of a case can be run on, by name."""
    return {name: problem for name, problem in PROBLEMS.items() if problem.residuals or case.library != "jaxopt"}


def run_name(problem: str, start: Iterable[float]) -> str:
    """Return the name of a run in manifests: "beale from (1, 1.5)"."""
    return f"{problem} from ({', '.join(f'{x:g}' for x in start)})"


class Answers:
    """The evaluations of a problem in float64, with noise of relative size NOISE if a seed is given."""

    def __init__(self, problem: Problem, seed: int | None = None) -> None:
        self.problem = problem
        if seed is None:
            self.round: Rounding = lambda value: value
        else:
            draw = np.random.default_rng(seed).uniform
            self.round = lambda value: value * (1 + NOISE * draw(-1, 1, np.shape(value)))

    def error(self, w: Array) -> float:
        return float(self.round(self.problem.error(w, self.round, np)))

    def gradient(self, w: Array) -> Array:
        return np.asarray(self.round(np.array(self.problem.gradient(w, self.round))))

    def hessian(self, w: Array) -> Array:
        return np.asarray(self.round(np.array(self.problem.hessian(w, self.round))))


# -- libraries -------------------------------------------------------------------------------------------------------
# Each returns the walk of a call on a problem: a function of the evaluations and the start, which yields the weights
# after every update.

DoGState: TypeAlias = Callable[[Answers, Array], Iterator[Array]]


def _scipy_by_line_search() -> Any:
    """Make SciPy use only ``line_search``, which it otherwise uses if the search of Moré and Thuente fails."""
    from scipy.optimize import _optimize

    patient = functools.partial(_optimize.line_search_wolfe2, maxiter=1000)
    return mock.patch.multiple(_optimize, line_search_wolfe1=lambda *_, **__: (None,), line_search_wolfe2=patient)


def _scipy_exactly() -> Any:
    """Make SciPy search for λ until the step length equals the radius to 1e-13, not to 10 %."""
    from scipy.optimize import _trustregion_exact

    class Exactly(_trustregion_exact.IterativeSubproblem):  # type: ignore[misc]
        __init__ = functools.partialmethod(_trustregion_exact.IterativeSubproblem.__init__, k_easy=1e-13, k_hard=1e-13)

    return mock.patch.object(_trustregion_exact, "IterativeSubproblem", Exactly)


def _scipy_at_any_curvature() -> Any:
    """Make Newton-CG use only ``line_search``, and any positive curvature; it ignores those of at most 3 ε."""
    from scipy.optimize import _optimize

    class WithoutPrecision:
        finfo = staticmethod(lambda kind: SimpleNamespace(eps=0.0, max=np.finfo(kind).max))
        __getattr__ = staticmethod(functools.partial(getattr, np))

    stack = contextlib.ExitStack()
    stack.enter_context(_scipy_by_line_search())
    stack.enter_context(mock.patch.object(_optimize, "np", WithoutPrecision()))
    return stack


class _NoStepError(Exception):
    """A search found no step."""


def _torch_by_line_search() -> Any:
    """Make torch's LBFGS use SciPy's ``line_search``, with the first trial steps of SciPy's BFGS.

    It stops before torch ignores the curvature of a step, which it does if yᵀs is at most 1e-10; yᵀs is about 0.1 to 2
    times the decrease that the slope predicts.
    """
    from scipy.optimize._linesearch import scalar_search_wolfe2

    before: list[float] = []

    def search(evaluate: Any, x: Any, _t: Any, d: Any, f: Any, g: Any, slope: Any, **_: Any) -> Any:
        if not before:
            before.append(f + float(g.norm()) / 2)
        alpha, there, _, _ = scalar_search_wolfe2(
            lambda alpha: evaluate(x, alpha, d)[0],
            lambda alpha: float(evaluate(x, alpha, d)[1].dot(d)),
            f,
            before[-1],
            float(slope),
            maxiter=1000,
        )
        if alpha is None or -alpha * float(slope) < 1e-9:
            raise _NoStepError
        before.append(f)
        return there, evaluate(x, alpha, d)[1], alpha, 1

    return mock.patch.object(importlib.import_module("torch.optim.lbfgs"), "_strong_wolfe", search)


REPLACED: dict[str, dict[str, Callable[[], Any]]] = {
    "scipy": {
        "by line_search": _scipy_by_line_search,
        "at any curvature": _scipy_at_any_curvature,
        "exactly": _scipy_exactly,
    },
    "torch": {"by line_search": _torch_by_line_search},
}


def _named(case: Case) -> tuple[str, Callable[[], Any]]:
    """Return the name in the library, and a context that replaces the named part."""
    name, _, replaced = case.name.partition(" ")
    return name, REPLACED[case.library][replaced] if replaced else contextlib.nullcontext


def _found(module: Any, name: str) -> Any:
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _torch(case: Case, _problem: Problem) -> DoGState:
    import torch

    return _torch_walk(case, torch.optim)


def _pytorch_optimizer(case: Case, _problem: Problem) -> DoGState:
    import pytorch_optimizer

    return _torch_walk(case, pytorch_optimizer)


def _torch_walk(case: Case, library: Any) -> DoGState:
    import torch

    torch.set_default_dtype(torch.float64)  # some optimizers store scalars in the default type
    schedules = torch.optim.lr_scheduler
    called, replaced = _named(case)

    def made(name: str, arguments: Mapping[str, Any], w: Any) -> Any:
        call = _found(torch if name.startswith("nn.") else library if hasattr(library, name) else torch.optim, name)
        alone = {"foreach": False} if "foreach" in inspect.signature(call).parameters else {}
        inner = {key: made(**value, w=w) for key, value in arguments.items() if isinstance(value, Mapping)}
        rest = {key: value for key, value in arguments.items() if key not in inner}
        if name.startswith("nn."):
            return inner["optimizer"], lambda: call([w], **rest)
        return call(**inner, **rest) if inner else call([w], **alone, **rest)

    def advance(optimizer: Any, closure: Callable[[], Any], **handed: Any) -> None:
        """Make an update: clip gradients before it, and step the schedule, with the error if it needs that."""
        if isinstance(optimizer, tuple):
            optimizer, clip = optimizer

            def clipped() -> Any:
                error = closure()
                clip()
                return error

            optimizer.step(clipped)
        elif isinstance(optimizer, schedules.ReduceLROnPlateau):
            optimizer.step(closure())
            optimizer.optimizer.step(closure)
        elif isinstance(optimizer, schedules.LRScheduler):
            advance(optimizer.optimizer, closure)
            optimizer.step()
        else:
            optimizer.step(closure, **handed)

    def walk(answers: Answers, start: Array) -> Iterator[Array]:
        torch.manual_seed(0)
        w = torch.tensor(start, requires_grad=True)
        optimizer = made(called, case.arguments, w)

        def closure() -> Any:
            at = w.detach().numpy().copy()
            w.grad = torch.tensor(answers.gradient(at))
            return torch.tensor(answers.error(at))

        with replaced(), contextlib.suppress(_NoStepError):
            for update in itertools.count():
                handed = {}
                if case.handed and update % optimizer.update_period == 0:
                    diagonal = answers.hessian(w.detach().numpy()).diagonal()
                    handed["hessian"] = [torch.tensor(diagonal.copy())]
                advance(optimizer, closure, **handed)
                row = optimizer.state[w][case.reads] if case.reads else w.detach()
                yield row.numpy().copy()

    return walk


def _optax(case: Case, problem: Problem) -> DoGState:
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    def made(name: str, arguments: Mapping[str, Any]) -> Any:
        given = {key: made(**value) if isinstance(value, Mapping) else value for key, value in arguments.items()}
        unnamed = [given.pop(key) for key in list(given) if key.isdigit()]
        return _found(optax, name)(*unnamed, **given)

    def error(w: Any) -> Any:
        return problem.error(w, lambda value: value, jax.numpy)

    def slope(w: Any, _number: Any) -> Any:
        return jax.grad(error)(w)

    def diagonal_of(_updates: Any, state: Any, _params: Any = None, *, diagonal: Any, **_rest: Any) -> Any:
        return diagonal, state

    def fast(params: Any) -> Any:
        return params.fast if isinstance(params, optax.LookaheadParams) else params

    read = _found(optax, case.reads) if case.reads else lambda _, params: fast(params)
    arguments = dict(case.arguments)
    if case.handed == DIAGONAL:
        nothing = optax.identity().init
        arguments["hessian_diagonal_fn"] = optax.GradientTransformationExtraArgs(nothing, diagonal_of)
    optimizer = optax.with_extra_args_support(made(case.name, arguments))

    def taken(extra: Mapping[str, Any]) -> list[str]:
        parameters = inspect.signature(optimizer.update).parameters
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        return [name for name in extra if takes_all or name in parameters]

    @jax.jit
    def update(params: Any, state: Any, value: Any, gradient: Any, **handed: Any) -> Any:
        extra = {"value": value, "grad": gradient, "value_fn": error, **handed}
        extra |= {"grad_fn": slope} if case.name == "contrib.sam" else {}  # a search rejects unknown arguments
        with mock.patch.object(jax.random, "normal", return_value=handed.get("noise")):
            updates, state = optimizer.update(gradient, state, params, **{name: extra[name] for name in taken(extra)})
        return optax.apply_updates(params, updates), state

    def walk(answers: Answers, start: Array) -> Iterator[Array]:
        params = jax.numpy.asarray(start)
        if case.name == "lookahead":
            params = optax.LookaheadParams.init_synced(params)
        state = optimizer.init(params)
        for number in itertools.count(1):
            w = np.array(fast(params))
            handed = {}
            if case.handed == DIAGONAL:
                handed["diagonal"] = answers.hessian(w).diagonal()
            elif case.handed == NORMAL:
                handed["noise"] = np.random.default_rng([0, number]).standard_normal(len(w))
            params, state = update(params, state, answers.error(w), answers.gradient(w), **handed)
            yield np.array(read(state, params))

    return walk


def _jaxopt(case: Case, problem: Problem) -> DoGState:
    import jax

    jax.config.update("jax_enable_x64", True)
    import jaxopt

    def walk(answers: Answers, start: Array) -> Iterator[Array]:
        assert problem.residuals
        residuals = functools.partial(problem.residuals, r=answers.round, xp=jax.numpy)
        solver = getattr(jaxopt, case.name)(residuals, **case.arguments)
        params = jax.numpy.asarray(start)
        state = solver.init_state(params)
        while True:
            last = params
            params, state = solver.update(params, state)
            yield np.array(params)
            if (last + state.delta == last).all():  # no more changes
                return

    return walk


def _scipy(case: Case, _problem: Problem) -> DoGState:
    from scipy.optimize import minimize

    method, replaced = _named(case)

    def walk(answers: Answers, start: Array) -> Iterator[Array]:
        rows: list[Array] = []
        with warnings.catch_warnings(), replaced():
            warnings.simplefilter("ignore")  # about derivatives that a method does not use
            minimize(
                answers.error,
                start,
                method=method,
                jac=answers.gradient,
                hess=answers.hessian,
                callback=lambda xk, *_: rows.append(np.array(xk)),
                options={"maxiter": UPDATES, **case.arguments},
            )
        yield from rows

    return walk


LIBRARIES: dict[str, Callable[[Case, Problem], DoGState]] = {
    "torch": _torch,
    "pytorch_optimizer": _pytorch_optimizer,
    "optax": _optax,
    "jaxopt": _jaxopt,
    "scipy": _scipy,
}


# -- recording -------------------------------------------------------------------------------------------------------


def _path(walk: DoGState, answers: Answers, start: tuple[float, ...]) -> tuple[Array, bool]:
    """Return the weights ``(updates + 1, 2)`` until the library stops, and whether the run diverges."""
    rows = [np.array(start)]
    for w in itertools.islice(walk(answers, rows[0]), UPDATES):
        if not answers.problem.error(w, lambda value: value, np) <= HUGE:
            return np.array(rows), True
        rows.append(w)
    return np.array(rows), False


def difference(path: Array, other: Array) -> Array:
    """Return the difference of two paths at every update, relative to the largest weight so far."""
    largest = np.maximum.accumulate(abs(path).max(axis=1))
    return np.asarray(abs(other - path).max(axis=1) / largest)


def record(problem: Problem, start: tuple[float, ...], walk: DoGState) -> tuple[Array, dict[str, Any]]:
    """Return the comparable part of a path, and its entry in the manifest."""
    with np.errstate(all="ignore"):
        path, diverges = _path(walk, Answers(problem), start)
        noisy = [_path(walk, Answers(problem, seed), start)[0] for seed in SEEDS]
    rows = min(map(len, (path, *noisy)))
    moved = np.maximum.accumulate(np.max([difference(path[:rows], other[:rows]) for other in noisy], axis=0))
    soon = moved[np.minimum(np.arange(rows) + AHEAD, rows - 1)]
    soon = soon[soon <= PARTED]
    bounds = [TOLERANCE if g * SAFETY <= TOLERANCE else 10.0 ** math.ceil(math.log10(g * SAFETY)) for g in soon]
    ends = "diverges" if diverges else "stops" if rows <= UPDATES else ""
    return path[: len(soon)], {
        "updates": max(len(soon) - 1, 0),
        "bounds": {f"{bound:g}": bounds.index(bound) for bound in dict.fromkeys(bounds)},
        "noise": float(f"{soon.max(initial=0):.1e}"),
        "then": "parts by roundoff" if moved[-1] > PARTED else ends,
    }


def packed(paths: Iterable[Array]) -> npt.NDArray[np.uint8]:
    """Return concatenated paths, packed without loss in a form that compresses well: bytes ``(8, numbers)``.

    The bits of the weights of a smooth path, as integers, have small third differences.
    """
    bits = np.concatenate(list(paths)).T.copy().view(np.int64)
    for _ in range(3):
        bits = np.diff(bits, axis=1, prepend=0)
    return bits.view(np.uint8).reshape(-1, 8).T.copy()


def unpacked(rows: npt.NDArray[np.uint8], lengths: Iterable[int]) -> list[Array]:
    """Return the paths ``(lengths, 2)`` that were packed."""
    bits = rows.T.copy().view(np.int64).reshape(2, -1)
    for _ in range(3):
        bits = np.cumsum(bits, axis=1)
    return np.split(bits.view(np.float64).T, np.cumsum(list(lengths))[:-1])


def record_family(family: str, cases: Iterable[Case]) -> None:
    """Write the paths of all calls of a family, and their manifest."""
    paths: dict[str, npt.NDArray[np.uint8]] = {}
    calls: dict[str, Any] = {}
    for case in {case.call: case for case in cases}.values():
        found, runs = [], {}
        for name, problem in problems(case).items():
            walk = LIBRARIES[case.library](case, problem)
            for start in problem.starts:
                path, runs[run_name(name, start)] = record(problem, start, walk)
                found.append(path)
        paths[case.call] = packed(found)
        print(case.call, *(f"{run['updates']}{run['then'][:1]}" for run in runs.values()))
        what = {key: getattr(case, key) for key in ("library", "name", "arguments", "reads")}
        calls[case.call] = {**what, "version": version(case.library), "runs": runs}
    np.savez_compressed(HERE / f"{family}.npz", allow_pickle=False, **paths)
    manifest = {"recorded with": {name: version(name) for name in VERSIONS}, "calls": calls}
    (HERE / f"{family}.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    known = families()
    for wanted in sys.argv[1:] or known:
        if wanted not in known:
            sys.exit(f"unknown family {wanted!r} (expected {', '.join(known)})")
        record_family(wanted, known[wanted])
