"""What rules, problems and the loop expect of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float64]
    Column: TypeAlias = float | Array
    """A hyperparameter: written as a number, seen by the rule as an array, ``()`` or a column ``(runs, 1)``."""
    Mask: TypeAlias = npt.NDArray[np.bool_]
    """Which runs of a block something is for: ``(runs,)``."""
else:
    Array = Column = Mask = Any

KINDS = ("error", "gradient", "hessian", "residuals", "jacobian")
"""The questions an optimizer can ask of a problem, in the order tables show them."""


class Arithmetic(Protocol):
    """Arithmetic over blocks of runs: row i of a result depends on row i of the arguments alone, to the last bit.

    With ARRAY_FUNCTIONS it is what an engine for another array library has to offer.
    """

    @property
    def xp(self) -> Any:
        """The array namespace that rules are written in. They use ARRAY_FUNCTIONS of it."""

    def dot(self, a: Array, b: Array) -> Array:
        """Return the inner products of rows as a column ``(runs, 1)``."""

    def matvec(self, matrix: Array, v: Array) -> Array:
        """Return ``matrix[i] @ v[i]``, ``(runs, m)``."""

    def outer(self, a: Array, b: Array) -> Array:
        """Return ``a[i] b[i]ᵀ``, ``(runs, m, params)``."""

    def gram(self, matrix: Array) -> Array:
        """Return ``matrix[i]ᵀ @ matrix[i]``, ``(runs, params, params)``."""

    def power(self, a: Array, exponent: Column) -> Array:
        """Return ``a`` to a power, element by element."""

    def solve(self, matrix: Array, v: Array) -> Array:
        """Return x with ``matrix[i] @ x[i] = v[i]``, NaN in the rows whose matrix is singular."""

    def least_squares(self, matrix: Array, v: Array) -> Array:
        """Return the x that makes ``matrix[i] @ x[i] - v[i]`` shortest, NaN where its rank is too low."""

    def eigh(self, matrix: Array) -> tuple[Array, Array]:
        """Return rising eigenvalues ``(runs, params)`` of symmetric matrices, and eigenvectors in columns."""

    def modified_cholesky(self, matrix: Array, least: Any) -> Array:
        """Return diagonals ``(runs, params)`` that make the matrices positive definite when added."""

    def drawn(self, seed: Any, epoch: Any, draw: Callable[[Any], Any], runs: int) -> Array:
        """Return ``(runs, ...)`` random numbers that ``draw`` takes of the generator of each run's seed and epoch."""


class Oracle(Arithmetic, Protocol):
    """The names that an update rule may use: evaluations of the problem, which are counted, and arithmetic.

    Rules are handed an object that has these names and no others (declare/restricted.py).

    Evaluations are for a block of ``runs`` runs at weights ``w (runs, params)``. With ``where``, a mask over runs, only
    those runs are evaluated and counted, and the other rows of the answer are NaN. Each kind is counted once per array.
    """

    @property
    def live(self) -> Mask:
        """The runs that have not ended; the others may still be in the block."""

    @property
    def samples(self) -> int:
        """The number of samples of the problem's data; 0 without data."""

    def error(self, w: Array, where: Mask | None = None) -> Array:
        """Return the errors, a column ``(runs, 1)``."""

    def gradient(self, w: Array, where: Mask | None = None) -> Array:
        """Return the gradients ``(runs, params)``."""

    def hessian(self, w: Array, where: Mask | None = None) -> Array:
        """Return the Hessians ``(runs, params, params)``."""

    def residuals(self, w: Array, where: Mask | None = None) -> Array:
        """Return the residuals ``(runs, samples)``, whose squares add up to the error."""

    def jacobian(self, w: Array, where: Mask | None = None) -> Array:
        """Return the derivatives of the residuals ``(runs, samples, params)``."""

    def cannot_go_on(self, where: Mask, why: Mapping[int, str] = ...) -> None:
        """End these runs after this epoch: no next step is known. ``why`` has reasons by row."""

    def part(self, samples: Any) -> Oracle:
        """Return an oracle for the same runs on some samples: ``(batch, 1)``, or each run's own ``(batch, runs)``.

        An evaluation on b of n samples counts b / n of an evaluation; the total of each run is rounded up.
        """


ARRAY_FUNCTIONS = (
    *("abs", "arange", "argsort", "asarray", "cbrt", "concat", "concatenate", "cos", "exp", "eye", "floor", "full"),
    *("full_like", "inf", "isnan", "linalg.diagonal", "log", "matrix_transpose", "maximum", "minimum", "nan", "ndim"),
    *("ones", "ones_like", "power", "sign", "sqrt", "stack", "take_along_axis", "where", "zeros", "zeros_like"),
)
"""The names in the array namespace ``f.xp`` that the rules, the wrappers and the line searches of this package use.

A namespace for another array library has to offer these; a test compares the list with their use. Rules use operators,
indices and methods of arrays as well.
"""


class Optimizer(Protocol):
    """An update rule with its hyperparameters; frozen. ``@optimizer`` makes one of a class with these two methods."""

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    confused_with: ClassVar[str]
    synonyms: ClassVar[tuple[str, ...]]
    recalls: ClassVar[bool]

    def begin(self, w: Array, f: Oracle) -> Any:
        """Return the state before the first epoch: a tuple of arrays whose first axis is runs."""

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the weights ``(runs, params)`` and the state after one epoch; write on neither ``w`` nor ``state``."""


class Point(Protocol):
    """A problem at one block of weights; what one question computes, the next may use."""

    def error(self) -> Array: ...  # (runs,)
    def gradient(self) -> Array: ...  # (runs, params)
    def hessian(self) -> Array: ...  # (runs, params, params)
    def residuals(self) -> Array: ...  # (runs, samples); the error is the sum of their squares
    def jacobian(self) -> Array: ...  # (runs, samples, params)


class Minimum(NamedTuple):
    """A place where a problem's error is known to be lowest, at least among its neighbours, and that error."""

    at: tuple[float, ...]
    error: float


class Problem(Protocol):
    """A function to make small, with the derivatives it has. Knows no optimizer.

    A problem with data also says how many ``samples`` there are, and its ``part(samples)`` is a problem of some of them
    alone, by their numbers: ``(batch, 1)`` the same for all runs, ``(batch, runs)`` each run's own.
    """

    name: ClassVar[str]
    source: ClassVar[str]

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""

    @property
    def offers(self) -> frozenset[str]:
        """The questions it can answer, of KINDS."""

    @property
    def start(self) -> tuple[float, ...]:
        """Where runs start if nobody says where."""

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """What figures show of two weights, across and up, as long as runs stay in it."""

    @property
    def minima(self) -> tuple[Minimum, ...]:
        """The minima that are known."""

    @property
    def lowest(self) -> float | None:
        """The lowest error there is, which thresholds count from; None if it is not known, or there is none."""

    @property
    def threshold(self) -> float | None:
        """How near to the lowest error a run has arrived, if nobody says; None: however near."""

    @property
    def width(self) -> int:
        """How many numbers one run needs at once; the loop chooses its block size by it."""

    def at(self, w: Array, spare: Any = None) -> Point:
        """Go to ``w (runs, params)``. ``spare`` is an earlier point that nobody asks any more; reuse its memory."""


PARTS = {
    "weights": "weights (the names of its parameters)",
    "offers": "offers (the questions it answers)",
    "start": "start (where runs start)",
    "window": "window (what figures show)",
    "minima": "minima (those that are known)",
    "lowest": "lowest (the lowest error there is, or None)",
    "threshold": "threshold (how near to the lowest error a run has arrived, or None)",
    "width": "width (how many numbers a run needs at once)",
    "at": "method at(self, w, spare=None)",
}
"""What a problem has, besides its name."""
