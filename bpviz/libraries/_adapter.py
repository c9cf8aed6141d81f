"""What the libraries have in common: one of their objects walks each run, and asks what it asks through the oracle.

The state of a block is an array of walkers, one a run. A walker is the library's own object and changes as it walks;
that is the one state that is written on.
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


# -- questions -------------------------------------------------------------------------------------------------------


class UnansweredError(BaseException):
    """A problem that failed to answer. No library catches it: that is no ending of a run but a mistake of ours."""


class Own:
    """What one run asks by itself: the others of its block are neither evaluated nor billed."""

    def __init__(self, f: Oracle, shape: tuple[int, ...], run: int) -> None:
        self._f = f
        self._shape = shape
        self._run = run
        self._alone = np.zeros(shape[0], dtype=bool)
        self._alone[run] = True

    def at(self, x: Any) -> Spot:
        """Go to the weights ``x (params,)``. Every question there, one of a kind, is charged."""
        w = np.zeros(self._shape, order="F")
        w[self._run] = x
        return Spot(self._f, w, self._alone, self._run)


class Spot:
    """Where one run asks by itself."""

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


# -- walks -----------------------------------------------------------------------------------------------------------


class OverError(Exception):
    """A walker knows no next step: the text is what its library says, ``w`` where it ends if not where it stands."""

    def __init__(self, said: str, w: Array | None = None) -> None:
        super().__init__(said)
        self.w = w


def stays(w: Array, last: Array) -> None:
    """Let a walker that knows no other weights than its own refuse any."""
    if not np.array_equal(w, last, equal_nan=True):
        raise OverError("its weights were moved by something else, and it goes on from its own alone")


class Walker(Protocol):
    """A library's object on its way."""

    @property
    def asks_at(self) -> Array | None:
        """The weights at which it wants the next answers; None if these are always the ones it reports."""

    def step(self, own: Own, w: Array, *answers: Array) -> Array:
        """Return the weights ``(params,)`` after one epoch.

        ``w`` are those before it: what it reported last, unless somebody else has moved them. ``answers`` are its rows
        of what is asked for the block.
        """


class Walkers(NamedTuple):
    """What a block of walks remembers."""

    each: Any  # (runs,), the walkers
    at: Any  # (runs, params), the weights at which they want answers; () if these are the block's own


class Foreign:
    """An optimizer of another library. A library's module says how to make a walker and where it is at home."""

    facts: ClassVar[Facts]

    @property
    def together(self) -> int:
        """How many runs may travel in one block."""
        return self.facts.together

    def _walker(self, given: Mapping[str, Any], w: Array) -> Walker:
        """Return a walker at the weights ``w (params,)``, made with the settings ``given``."""
        raise NotImplementedError

    @staticmethod
    def _at_home() -> contextlib.AbstractContextManager[Any]:
        """Return what the library's objects are made and moved in: its numbers are doubles there."""
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
                except Exception as error:  # noqa: BLE001 - whatever a library says ends this run and no other
                    over[run] = sentence(error)
                if elsewhere:
                    at[run] = walker.asks_at
        if over:
            stuck = np.zeros(len(w), dtype=bool)
            stuck[list(over)] = True
            f.cannot_go_on(stuck, over)
        return new, Walkers(state.each, at if elsewhere else ())

    def _settings_of(self, run: int) -> dict[str, Any]:
        """Return the settings of one run: the loop has made arrays of numbers, columns where they vary."""
        return {name: _number_of(run, value) for name, value in declare.settings(self).items()}

    # -- before anything runs ----------------------------------------------------------------------------------------

    def conflicts(self) -> list[tuple[str, str]]:
        """Return (setting, complaint) for what the library refuses: it is made, and makes a step or two on a trial."""
        lacking = [p.name for p in self.facts.parameters if p.required and not hasattr(self, p.name)]
        if lacking:
            return [(name, f"missing; {self.facts.call} cannot do without it") for name in lacking]
        settings = given(declare.settings(self), self.facts)
        said = self._refusal(settings)
        if said is None:
            return []
        return [(self._culprit(settings, said), f"{self.facts.call} says: {said}")]

    @classmethod
    def _culprit(cls, settings: Mapping[str, Any], said: str) -> str:
        """Return the setting that by itself, with those that are required, is refused alike; "" if it takes several."""
        required = {p.name: settings[p.name] for p in cls.facts.parameters if p.required}
        for name, value in settings.items():
            if cls._refusal({**required, name: value}) == said and (name in required or cls._refusal(required) is None):
                return name
        return ""

    @classmethod
    def _refusal(cls, settings: Mapping[str, Any]) -> str | None:
        """Return what the library says against these settings, or None."""
        try:
            cls._try(settings)
        except Exception as error:  # noqa: BLE001 - a library may say no in any way it likes
            return sentence(error)
        return None

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        """Walk a little with these settings; whatever is wrong with them is raised."""
        raise NotImplementedError


def given(settings: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return the settings that are not what the library takes by itself: the ones to hand to it."""
    defaults = {p.name: p.default for p in facts.parameters if not p.required}
    return {name: value for name, value in settings.items() if name not in defaults or not _same(value, defaults[name])}


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _number_of(run: int, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return value.item() if value.ndim == 0 else value[run].item()


def sentence(error: BaseException) -> str:
    """Return what a library says, on one line and not longer than can be read."""
    said = " ".join(str(error).split()) or type(error).__name__
    said = said.partition(". ")[0].rstrip(".")
    return f"{said[:197]}..." if len(said) > 200 else said
