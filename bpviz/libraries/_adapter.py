"""Common base of the library optimizers: one object of the library per run, which evaluates through the oracle.

The state of a block is an array of walkers, one per run. A walker holds an object of the library and is mutable, unlike
any other state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

from bpviz import declare

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle
    from bpviz.libraries._class import Facts


# -- evaluations -----------------------------------------------------------------------------------------------------


class UnansweredError(BaseException):
    """An evaluation of the problem raised an exception.

    It derives from BaseException so that no library catches it, since it is a bug and not the end of a run.
    """


class Own:
    """Evaluations for a single run; the other runs of the block are neither evaluated nor counted."""

    def __init__(self, f: Oracle, shape: tuple[int, ...], run: int) -> None:
        self._f = f
        self._shape = shape
        self._run = run
        self._alone = np.zeros(shape[0], dtype=bool)
        self._alone[run] = True

    def at(self, x: Any) -> Spot:
        """Return the spot at the weights ``x (params,)``. Each evaluation there is counted once per kind."""
        w = np.zeros(self._shape, order="F")
        w[self._run] = x
        return Spot(self._f, w, self._alone, self._run)


class Spot:
    """The weights at which a single run evaluates."""

    def __init__(self, f: Oracle, w: Array, alone: Any, run: int) -> None:
        self._asked = (w, alone)
        self._f = f
        self._run = run

    def error(self) -> float:
        return float(self._answer("error")[0])

    def gradient(self) -> Array:
        return self._answer("gradient")

    def hessian(self) -> Array:
        return self._answer("hessian")

    def _answer(self, kind: str) -> Array:
        try:
            answer: Array = getattr(self._f, kind)(*self._asked)
        except Exception as error:
            raise UnansweredError from error
        return np.ascontiguousarray(answer[self._run])


# -- walkers ---------------------------------------------------------------------------------------------------------


class OverError(Exception):
    """A walker cannot make a step.

    The text is the message of its library; ``w`` are the final weights, if they differ from the current ones.
    """

    def __init__(self, said: str, w: Array | None = None) -> None:
        super().__init__(said)
        self.w = w


def stays(w: Array, last: Array) -> None:
    """Raise OverError if the weights differ from the last ones of a walker that cannot continue from others."""
    if not np.array_equal(w, last, equal_nan=True):
        raise OverError("its weights were changed by a wrapper, but it can only continue from its own")


class Walker(Protocol):
    """An object of a library that advances one run."""

    @property
    def asks_at(self) -> Array | None:
        """The weights for the next evaluations; None if they are always the reported weights."""

    def step(self, own: Own, w: Array, *answers: Array) -> Array:
        """Return the weights ``(params,)`` after one epoch.

        ``w`` are the weights before it: the last reported ones, unless a wrapper changed them. ``answers`` are the rows
        of this run in the evaluations made for the block.
        """


class Walkers(NamedTuple):
    """State of a block."""

    each: Any  # (runs,), walkers
    at: Any  # (runs, params), weights for the next evaluations; () if they are the weights of the block


class Foreign:
    """Base of the optimizers of a library; a subclass creates walkers and sets up the library's context."""

    facts: ClassVar[Facts]

    @property
    def together(self) -> int:
        """The maximum number of runs per block."""
        return self.facts.together

    def _walker(self, given: Mapping[str, Any], w: Array) -> Walker:
        """Return a walker at the weights ``w (params,)``, created with the settings ``given``."""
        raise NotImplementedError

    @staticmethod
    def _at_home() -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the library's objects are created and advanced, with double precision."""
        return contextlib.nullcontext()

    def begin(self, w: Array, f: Oracle) -> Walkers:
        each = np.empty(len(w), dtype=object)
        with self._at_home():
            for run, row in enumerate(np.ascontiguousarray(w)):
                each[run] = self._walker(given(self._settings_of(run), self.facts), row)
        return Walkers(each, () if each[0].asks_at is None else np.array(w, order="F"))

    def advance(self, w: Array, state: Walkers, f: Oracle) -> tuple[Array, Walkers]:
        elsewhere = not isinstance(state.at, tuple)
        at = np.array(state.at, order="F") if elsewhere else w
        asked = [getattr(f, kind)(at) for kind in self.facts.of_the_block]
        new, over = np.array(w, order="F"), {}
        with self._at_home():
            for run in np.flatnonzero(f.live).tolist():
                walker = state.each[run]
                try:
                    before = np.ascontiguousarray(w[run])
                    new[run] = walker.step(Own(f, w.shape, run), before, *(answers[run] for answers in asked))
                except OverError as end:
                    over[run] = str(end)
                    new[run] = w[run] if end.w is None else end.w
                except UnansweredError as error:
                    raise (error.__cause__ or error) from None
                except Exception as error:  # noqa: BLE001 - any exception of a library ends this run only
                    over[run] = sentence(error)
                if elsewhere:
                    at[run] = walker.asks_at
        if over:
            stuck = np.zeros(len(w), dtype=bool)
            stuck[list(over)] = True
            f.cannot_go_on(stuck, over)
        return new, Walkers(state.each, at if elsewhere else ())

    def _settings_of(self, run: int) -> dict[str, Any]:
        """Return the settings of one run; the loop passes numbers as arrays, which are columns if they vary."""
        return {name: _number_of(run, value) for name, value in declare.settings(self).items()}

    # -- validation --------------------------------------------------------------------------------------------------

    def conflicts(self) -> list[tuple[str, str]]:
        """Return (setting, complaint) for settings that the library rejects in a trial of a few steps."""
        lacking = [p.name for p in self.facts.parameters if p.required and not hasattr(self, p.name)]
        if lacking:
            return [(name, f"missing (required by {self.facts.call})") for name in lacking]
        settings = given(declare.settings(self), self.facts)
        said = self._refusal(settings)
        if said is None:
            return []
        return [(self._culprit(settings, said), f"rejected by {self.facts.call}: {said}")]

    @classmethod
    def _culprit(cls, settings: Mapping[str, Any], said: str) -> str:
        """Return the setting that alone, with the required ones, causes the same error, or "" if there is none."""
        required = {p.name: settings[p.name] for p in cls.facts.parameters if p.required}
        for name, value in settings.items():
            if cls._refusal({**required, name: value}) == said and (name in required or cls._refusal(required) is None):
                return name
        return ""

    @classmethod
    def _refusal(cls, settings: Mapping[str, Any]) -> str | None:
        """Return the error message of the library for these settings, or None."""
        try:
            cls._try(settings)
        except Exception as error:  # noqa: BLE001 - a library may raise any exception
            return sentence(error)
        return None

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        """Make a few steps with these settings and raise any error they cause."""
        raise NotImplementedError


def given(settings: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return the settings that differ from the defaults of the library; only these are passed to it."""
    defaults = {p.name: p.default for p in facts.parameters if not p.required}
    return {name: value for name, value in settings.items() if name not in defaults or not _same(value, defaults[name])}


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _number_of(run: int, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return value.item() if value.ndim == 0 else value[run].item()


def sentence(error: BaseException) -> str:
    """Return the message of a library as one line of at most 200 characters."""
    said = " ".join(str(error).split()) or type(error).__name__
    said = said.partition(". ")[0].rstrip(".")
    return f"{said[:197]}..." if len(said) > 200 else said
