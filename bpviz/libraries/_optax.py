"""The optimizers of optax: gradient transformations, compiled once for all runs with the same settings.

A transformation with a line search evaluates the problem from within the compiled program. These evaluations are
callbacks with side effects, which the compiler may neither omit nor duplicate.
"""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz.libraries import import_library, unknown_name_error
from bpviz.libraries._adapter import LibraryOptimizer, one_line, require_unchanged
from bpviz.libraries._class import Facts, build_class, parameters

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.libraries._adapter import EvaluationPoint, SingleRun

# Extra arguments of transformations, and the evaluations that an optimizer with such arguments needs.
_EXTRA_ARGUMENTS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): ("gradient",),
    ("value",): ("error", "gradient"),
    ("value", "grad", "value_fn"): ("error", "gradient"),
}
_UNSUPPORTED = {"contrib.dpsgd": "it requires per-sample gradients"}  # it would treat each weight as a sample
_LINE_SEARCH_NOTE = (
    "\n\nOne epoch is one update, whose line search may evaluate error and gradient any number of times."
)


def optimizer_class(name: str) -> type[Any]:
    """Return the class of an optimizer of optax or optax.contrib."""
    optax, _ = import_library(f"optax:{name}", "optax", "jax")
    known = _optimizers(optax)
    if name not in known:
        raise unknown_name_error(f"optax:{name}", sorted(known), "optax")
    if name in _UNSUPPORTED:
        raise KeyError(f"optax:{name} is not supported: {_UNSUPPORTED[name]}")
    call = known[name]
    found = parameters(call)
    some: dict[str, Any] = {p.name: 0.1 for p in found if p.required or p.name == "learning_rate"}
    try:
        with _double_precision():
            arguments, separate = _extra_arguments(name, some), _transformation(name, some).reported is not None
    except Exception as error:  # noqa: BLE001 - a library may raise any exception
        raise KeyError(f"optax:{name} is not supported: {one_line(error)}") from None
    searches = "value_fn" in arguments
    return build_class(
        Facts(
            "optax",
            name,
            f"optax.{name}",
            optax.__version__,
            needs=_EXTRA_ARGUMENTS[arguments],
            block_evaluations=() if searches else tuple(reversed(_EXTRA_ARGUMENTS[arguments])),
            recalls=searches or separate,
            parameters=found,
            description=inspect.cleandoc(call.__doc__ or "").partition("\n\n")[0]
            + (_LINE_SEARCH_NOTE if searches else ""),
        )
    )


def _optimizers(optax: Any) -> dict[str, Any]:
    """Return the functions that create a complete optimizer: a gradient transformation with a learning rate."""
    found = {}
    for module, prefix in ((optax, ""), (optax.contrib, "contrib.")):
        for name, thing in inspect.getmembers(module, lambda thing: inspect.isfunction(thing) or _is_partial(thing)):
            if name.startswith(("_", "scale_by_")):
                continue
            signature = inspect.signature(thing)
            returned = signature.return_annotation
            transforms = returned is signature.empty or "GradientTransformation" in str(returned)
            arguments = signature.parameters.values()
            rate = any("learning_rate" in argument.name for argument in arguments)
            around = any("GradientTransformation" in str(a.annotation) and a.default is a.empty for a in arguments)
            if transforms and rate and not around:
                found[prefix + name] = thing
    return found


def _is_partial(thing: Any) -> bool:
    return isinstance(thing, partial)  # nadam is a partial of adam


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    """Use double precision on the CPU.

    The setting applies to all threads, because the callbacks of a compiled program may run in any of them and would
    otherwise round to single precision.
    """
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        with (
            jax.default_device(jax.local_devices(backend="cpu")[0]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        jax.config.update("jax_enable_x64", before)


# -- transformations -------------------------------------------------------------------------------------------------


class Transformation(NamedTuple):
    """A transformation whose ``update`` returns the parameters and the state after an epoch."""

    init: Callable[..., Any]
    update: Callable[..., Any]  # (gradient, state, params, extra arguments)
    reported: Callable[..., Any] | None  # (state, params) -> evaluation weights, if they are not the params


def _transformation(name: str, given: Mapping[str, Any]) -> Transformation:
    import optax

    whole = optax.with_extra_args_support(_optimizers(optax)[name](**given))

    def update(g: Any, state: Any, params: Any, **extra: Any) -> Any:
        updates, state = whole.update(g, state, params, **extra)
        return optax.apply_updates(params, updates), state

    def reported(state: Any, params: Any) -> Any:
        return optax.contrib.schedule_free_eval_params(state, params)

    free = isinstance(whole.init(np.zeros(2)), optax.contrib.ScheduleFreeState)
    return Transformation(whole.init, update, reported if free else None)


@lru_cache(maxsize=64, typed=True)
def _compiled(name: str, given: tuple[tuple[str, Any], ...]) -> Transformation:
    import jax

    init, update, reported = _transformation(name, dict(given))
    return Transformation(init, jax.jit(update), reported and jax.jit(reported))


class Search(NamedTuple):
    """A transformation with a line search: ``update(state, params)`` evaluates by callbacks."""

    init: Callable[..., Any]
    update: Callable[..., Any]
    evaluations: Evaluations


@lru_cache(maxsize=64, typed=True)
def _compiled_search(name: str, given: tuple[tuple[str, Any], ...]) -> Search:
    import jax
    import optax

    parts, evaluations = _transformation(name, dict(given)), Evaluations()
    error = evaluations.function()

    def update(state: Any, params: Any) -> Any:
        # Reuses error and gradient from the end of the last search, if it stored them.
        value, g = optax.value_and_grad_from_state(error)(params, state=state)
        return parts.update(g, state, params, value=value, grad=g, value_fn=error)

    return Search(parts.init, jax.jit(update), evaluations)


class Evaluations:
    """The evaluations of a compiled program for the run it advances."""

    def __init__(self) -> None:
        self.run: SingleRun | None = None
        self.failure: BaseException | None = None

    def function(self) -> Any:
        """Return the error as a function that can be compiled and differentiated."""
        import jax
        from jax.experimental import io_callback

        double = jax.numpy.float64

        def error(x: Any) -> Any:
            return io_callback(self._error, jax.ShapeDtypeStruct((), double), x)

        def backward(x: Any, of: Any) -> tuple[Any]:
            return (of * io_callback(self._gradient, jax.ShapeDtypeStruct(x.shape, double), x),)

        function = jax.custom_vjp(error)
        function.defvjp(lambda x: (error(x), x), backward)
        return function

    def _error(self, x: Any) -> Array:
        return self._answer(x, lambda point: point.error(), ())

    def _gradient(self, x: Any) -> Array:
        return self._answer(x, lambda point: point.gradient(), np.shape(x))

    def _answer(self, x: Any, evaluate: Callable[[EvaluationPoint], Any], shape: tuple[int, ...]) -> Array:
        """Evaluate in the calling thread. The program cannot propagate an exception, so it is stored."""
        try:
            with np.errstate(all="ignore"):
                return np.asarray(evaluate(self.run.at(np.asarray(x))), np.float64)  # type: ignore[union-attr]
        except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
            self.failure = error
            return np.full(shape, np.nan)


def _extra_arguments(name: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the extra arguments that a transformation needs, found by trial.

    If it fails with all of them, the error it raised for the gradient alone is raised.
    """
    import jax

    parts = _transformation(name, given)
    w, g = np.array([1.0, -2.0]), np.array([2.0, -4.0])
    offered = {"value": np.array(5.0), "grad": g, "value_fn": lambda x: (x * x).sum()}
    state = parts.init(w)
    refusals = []
    for arguments in _EXTRA_ARGUMENTS:
        answers = {argument: offered[argument] for argument in arguments}
        try:
            jax.eval_shape(lambda g, state, w, a=answers: parts.update(g, state, w, **a), g, state, w)
        except Exception as error:  # noqa: BLE001 - a library may raise any exception
            refusals.append(error)
        else:
            return arguments
    raise refusals[0]


class Optax(LibraryOptimizer):
    """An optimizer of optax."""

    _library_context = staticmethod(_double_precision)

    def _start_run(self, given: Mapping[str, Any], w: Array) -> Any:
        settings = tuple(given.items())
        if self.facts.block_evaluations:
            return OptaxRun(_compiled(self.facts.name, settings), self.facts.block_evaluations, w)
        arguments = _extra_arguments(self.facts.name, given)
        if "value_fn" in arguments:
            return OptaxSearchRun(_compiled_search(self.facts.name, settings), w)
        return OptaxRun(
            _compiled(self.facts.name, settings), tuple(reversed(_EXTRA_ARGUMENTS[arguments])), w
        )  # its line search is disabled

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        with _double_precision():
            _extra_arguments(cls.facts.name, given)


BASE = Optax


class OptaxRun:
    """A transformation that advances one run."""

    def __init__(self, parts: Transformation, kinds: tuple[str, ...], w: Array) -> None:
        self._parts = parts
        self._kinds = kinds
        self._extra_names = kinds[1:] and ("value",)
        self._state = parts.init(w)
        self._reported = w
        self.evaluation_weights = None if parts.reported is None else w

    def step(self, run: SingleRun, w: Array, *answers: Array) -> Array:
        if not answers:
            point = run.at(w)
            answers = tuple(np.atleast_1d(getattr(point, kind)()) for kind in self._kinds)
        g, *more = answers
        extra = {argument: answer[0] for argument, answer in zip(self._extra_names, more, strict=True)}
        if self._parts.reported is None:
            w, self._state = self._parts.update(np.ascontiguousarray(g), self._state, w, **extra)
            return np.asarray(w)
        require_unchanged(w, self._reported)
        params, self._state = self._parts.update(np.ascontiguousarray(g), self._state, self.evaluation_weights, **extra)
        self.evaluation_weights = np.asarray(params)
        self._reported = np.asarray(self._parts.reported(self._state, params))
        return self._reported


class OptaxSearchRun:
    """A transformation with a line search that advances one run."""

    evaluation_weights = None

    def __init__(self, parts: Search, w: Array) -> None:
        self._parts = parts
        self._state = parts.init(w)
        self._w = w

    def step(self, run: SingleRun, w: Array) -> Array:
        require_unchanged(w, np.asarray(self._w))
        import jax

        evaluations = self._parts.evaluations
        evaluations.run, evaluations.failure = run, None
        self._w, self._state = jax.block_until_ready(self._parts.update(self._state, self._w))
        if evaluations.failure is not None:
            raise evaluations.failure
        return np.asarray(self._w)
