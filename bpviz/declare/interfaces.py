"""Interfaces between update rules, problems and the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[np.float64]
    Column: TypeAlias = float | Array
    """A hyperparameter: declared as a number; in a rule, an array of shape ``()`` or ``(runs, 1)``."""
    Mask: TypeAlias = npt.NDArray[np.bool_]
    """A boolean mask over the runs of a block, of shape ``(runs,)``."""
else:
    Array = Column = Mask = Any

KINDS = ("error", "gradient", "hessian", "residuals", "jacobian")
"""The kinds of evaluations, in the order of columns in tables."""


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

    def cannot_go_on(self, where: Mask, why: str | Mapping[int, str] = ...) -> None:
        """End the runs ``where (runs,)`` as stuck after this epoch.

        ``why`` is the reason, or has reasons by row. Without one, the reason is that no step reduces the error.
        """

    def part(self, samples: Any) -> Oracle:
        """Return an oracle for the same runs on some samples: ``(batch, 1)``, or each run's own ``(batch, runs)``.

        An evaluation on b of n samples counts b / n of an evaluation; the total of each run is rounded up.
        """


def reasons_by_row(where: Mask, why: str | Mapping[int, str]) -> Mapping[int, str]:
    """Return the reasons given to ``cannot_go_on`` by row; one reason is that of every run in ``where (runs,)``."""
    if not isinstance(why, str):
        return why
    return {row: why for row, stuck in enumerate(where.tolist()) if stuck}


ARRAY_FUNCTIONS = (
    *("abs", "arange", "argsort", "asarray", "cbrt", "concat", "concatenate", "cos", "exp"),
    *("eye", "floor", "full", "full_like", "inf", "isfinite", "isinf", "isnan", "linalg.diagonal"),
    *("log", "matrix_transpose", "maximum", "minimum", "nan", "ndim", "ones", "ones_like", "power"),
    *("sign", "sqrt", "stack", "take_along_axis", "where", "zeros", "zeros_like"),
)
"""The names in the array namespace ``f.xp`` that the rules, the wrappers and the line searches of this package use.

A namespace for another array library has to offer these; a test compares the list with their use. Rules use operators,
indices and methods of arrays as well.
"""


class Optimizer(Protocol):
    """An update rule with its hyperparameters; immutable. ``@optimizer`` registers a class with these two methods."""

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    confused_with: ClassVar[str]
    synonyms: ClassVar[tuple[str, ...]]
    recalls: ClassVar[bool]

    def begin(self, w: Array, f: Oracle) -> Any:
        """Return the state before the first epoch.

        Parameters
        ----------
        w : array, shape (runs, params)
            The initial weights.
        f : Oracle
            Evaluations and arithmetic for the block of runs.

        Returns
        -------
        tuple of arrays
            The state; the first axis of every array is runs.
        """

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the weights and the state after one epoch. Must not modify ``w`` or ``state``.

        Parameters
        ----------
        w : array, shape (runs, params)
            The current weights.
        state : tuple of arrays
            The state that ``begin`` or the previous ``advance`` returned.
        f : Oracle
            Evaluations and arithmetic for the block of runs.

        Returns
        -------
        w : array, shape (runs, params)
            The new weights.
        state : tuple of arrays
            The new state.
        """


class Point(Protocol):
    """A problem at one block of weights. Evaluations may reuse each other's intermediate values."""

    def error(self) -> Array: ...  # (runs,)
    def gradient(self) -> Array: ...  # (runs, params)
    def hessian(self) -> Array: ...  # (runs, params, params)
    def residuals(self) -> Array: ...  # (runs, samples); the error is the sum of their squares
    def jacobian(self) -> Array: ...  # (runs, samples, params)


class Minimum(NamedTuple):
    """A known minimum of a problem, local or global.

    Parameters
    ----------
    at : tuple of float
        The weights, one number per weight.
    error : float
        The error there.
    """

    at: tuple[float, ...]
    error: float


class Problem(Protocol):
    """A function to minimize, with its derivatives.

    A problem with data also has the number of ``samples`` and a method ``part(samples)``, which returns the problem on
    some of them, given by index: shape ``(batch, 1)`` if all runs use the same samples, or ``(batch, runs)``.

    A problem whose evaluations take much more memory than their answers and ``width`` may have a method
    ``array_elements(kind, runs)``, which returns how many array elements an evaluation of a kind takes. Experiments
    that need more memory than allowed are rejected by it.
    """

    name: ClassVar[str]
    source: ClassVar[str]

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of the weights, in order."""

    @property
    def offers(self) -> frozenset[str]:
        """The kinds of evaluations that it provides, a subset of KINDS with at least "error"."""

    @property
    def start(self) -> tuple[float, ...]:
        """The default start: one number per weight."""

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The region of two weights that figures show: ((left, right), (bottom, top)). Figures enlarge it for paths."""

    @property
    def minima(self) -> tuple[Minimum, ...]:
        """The known minima."""

    @property
    def lowest(self) -> float | None:
        """The global minimum of the error, which error thresholds are relative to; None if unknown or unbounded."""

    @property
    def threshold(self) -> float | None:
        """The default error threshold: a distance from ``lowest``; None for no threshold."""

    @property
    def width(self) -> int:
        """The number of array elements needed per run; the loop chooses its block size by it."""

    def at(self, w: Array, spare: Any = None) -> Point:
        """Return the problem at the weights ``w``.

        Parameters
        ----------
        w : array, shape (runs, params)
            The weights.
        spare : Point or None
            An earlier point that is no longer used; its memory may be reused.

        Returns
        -------
        Point
            The evaluations at ``w``.
        """


PARTS = {
    "weights": "weights (names of the weights)",
    "offers": "offers (kinds of evaluations)",
    "start": "start (default start)",
    "window": "window (region in figures)",
    "minima": "minima (known minima)",
    "lowest": "lowest (global minimum of the error, or None)",
    "threshold": "threshold (default error threshold, or None)",
    "width": "width (array elements per run)",
    "at": "method at(self, w, spare=None)",
}
"""Attributes and methods of a problem besides its name, with descriptions for messages."""
