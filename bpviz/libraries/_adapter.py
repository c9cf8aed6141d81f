"""Common base of the library optimizers: one object of the library per run, which evaluates through the oracle.

The state of a block is an array of LibraryRun, one per run, which holds an object of the library and is mutable, unlike
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


class EvaluationError(BaseException):
    """An evaluation of the problem raised an exception.

    It derives from BaseException so that no library catches it, since it is a bug and not the end of a run.
    """


class SingleRun:
    """Evaluations for a single run; the other runs of the block are neither evaluated nor counted."""

    def __init__(self, f: Oracle, shape: tuple[int, ...], run: int) -> None:
        self._f = f
        self._shape = shape
        self._run = run
        self._alone = np.zeros(shape[0], dtype=bool)
        self._alone[run] = True

    def at(self, x: Any) -> EvaluationPoint:
        """Return the point at the weights ``x (params,)``. Each evaluation there is counted once per kind."""
        w = np.zeros(self._shape, order="F")
        w[self._run] = x
        return EvaluationPoint(self._f, w, self._alone, self._run)


class EvaluationPoint:
    """The weights at which a single run evaluates."""

    def __init__(self, f: Oracle, w: Array, alone: Any, run: int) -> None:
        self._arguments = (w, alone)
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
            answer: Array = getattr(self._f, kind)(*self._arguments)
        except Exception as error:
            raise EvaluationError from error
        return np.ascontiguousarray(answer[self._run])


# -- runs -----------------------------------------------------------------------------------------------------------


class StoppedError(Exception):
    """A run of a library cannot make a step.

    The text is the message of its library; ``w`` are the final weights, if they differ from the current ones.
    """

    def __init__(self, message: str, w: Array | None = None) -> None:
        super().__init__(message)
        self.w = w


def require_unchanged(w: Array, last: Array) -> None:
    """Raise StoppedError if the weights differ from the last ones of a run that cannot continue from others."""
    if not np.array_equal(w, last, equal_nan=True):
        raise StoppedError("its weights were changed by a wrapper, but it can only continue from its own")


class LibraryRun(Protocol):
    """An object of a library that advances one run."""

    @property
    def evaluation_weights(self) -> Array | None:
        """The weights for the next evaluations; None if they are always the reported weights."""

    def step(self, run: SingleRun, w: Array, *answers: Array) -> Array:
        """Return the weights ``(params,)`` after one epoch.

        ``w`` are the weights before it: the last reported ones, unless a wrapper changed them. ``answers`` are the rows
        of this run in the evaluations made for the block.
        """


class LibraryRuns(NamedTuple):
    """State of a block."""

    runs: Any  # (runs,), LibraryRun objects
    weights: Any  # (runs, params), weights for the next evaluations; () if they are the weights of the block


class LibraryOptimizer:
    """Base of the optimizers of a library; a subclass starts runs and sets up the library's context."""

    facts: ClassVar[Facts]

    @property
    def max_block_size(self) -> int:
        """The maximum number of runs per block."""
        return self.facts.max_block_size

    def _start_run(self, given: Mapping[str, Any], w: Array) -> LibraryRun:
        """Return a run at the weights ``w (params,)``, created with the settings ``given``."""
        raise NotImplementedError

    @staticmethod
    def _library_context() -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the library's objects are created and advanced, with double precision."""
        return contextlib.nullcontext()

    def begin(self, w: Array, f: Oracle) -> LibraryRuns:
        runs = np.empty(len(w), dtype=object)
        with self._library_context():
            for run, row in enumerate(np.ascontiguousarray(w)):
                runs[run] = self._start_run(changed_settings(self._settings_of(run), self.facts), row)
        return LibraryRuns(runs, () if runs[0].evaluation_weights is None else np.array(w, order="F"))

    def advance(self, w: Array, state: LibraryRuns, f: Oracle) -> tuple[Array, LibraryRuns]:
        separate = not isinstance(state.weights, tuple)
        at = np.array(state.weights, order="F") if separate else w
        block_answers = [getattr(f, kind)(at) for kind in self.facts.block_evaluations]
        new, stopped = np.array(w, order="F"), {}
        with self._library_context():
            for run in np.flatnonzero(f.live).tolist():
                library_run = state.runs[run]
                try:
                    before = np.ascontiguousarray(w[run])
                    answers = [of_block[run] for of_block in block_answers]
                    new[run] = library_run.step(SingleRun(f, w.shape, run), before, *answers)
                except StoppedError as end:
                    stopped[run] = str(end)
                    new[run] = w[run] if end.w is None else end.w
                except EvaluationError as error:
                    raise (error.__cause__ or error) from None
                except MemoryError:
                    raise
                except Exception as error:  # noqa: BLE001 - any exception of a library ends this run only
                    stopped[run] = one_line(error)
                if separate:
                    at[run] = library_run.evaluation_weights
        if stopped:
            stuck = np.zeros(len(w), dtype=bool)
            stuck[list(stopped)] = True
            f.cannot_go_on(stuck, stopped)
        return new, LibraryRuns(state.runs, at if separate else ())

    def _settings_of(self, run: int) -> dict[str, Any]:
        """Return the settings of one run; the loop passes numbers as arrays, which are columns if they vary."""
        return {name: _number_of(run, value) for name, value in declare.settings(self).items()}

    # -- validation --------------------------------------------------------------------------------------------------

    def conflicts(self) -> list[tuple[str, str]]:
        """Return (setting, complaint) for settings that the library rejects in a trial of a few steps."""
        missing = [p.name for p in self.facts.parameters if p.required and not hasattr(self, p.name)]
        if missing:
            return [(name, f"missing (required by {self.facts.call})") for name in missing]
        settings = changed_settings(declare.settings(self), self.facts)
        message = self._error_of(settings)
        if message is None:
            return []
        return [(self._rejected_setting(settings, message), f"rejected by {self.facts.call}: {message}")]

    @classmethod
    def _rejected_setting(cls, settings: Mapping[str, Any], message: str) -> str:
        """Return the setting that alone, with the required ones, causes the same error, or "" if there is none."""
        required = {p.name: settings[p.name] for p in cls.facts.parameters if p.required}
        for name, value in settings.items():
            if cls._error_of({**required, name: value}) == message and (
                name in required or cls._error_of(required) is None
            ):
                return name
        return ""

    @classmethod
    def _error_of(cls, settings: Mapping[str, Any]) -> str | None:
        """Return the error message of the library for these settings, or None."""
        try:
            cls._try(settings)
        except Exception as error:  # noqa: BLE001 - a library may raise any exception
            return one_line(error)
        return None

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        """Make a few steps with these settings and raise any error they cause."""
        raise NotImplementedError


def changed_settings(settings: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return the settings that differ from the defaults of the library; only these are passed to it."""
    defaults = {p.name: p.default for p in facts.parameters if not p.required}
    return {
        name: value
        for name, value in settings.items()
        if name not in defaults or not _is_default(value, defaults[name])
    }


def _is_default(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _number_of(run: int, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return value.item() if value.ndim == 0 else value[run].item()


def one_line(error: BaseException) -> str:
    """Return the message of a library as one line of at most 200 characters."""
    message = " ".join(str(error).split()) or type(error).__name__
    message = message.partition(". ")[0].rstrip(".")
    return f"{message[:197]}..." if len(message) > 200 else message
