"""The methods of scipy.optimize.minimize.

``minimize`` controls the evaluations and returns only when it has finished. Each run therefore has a thread in which
``minimize`` runs while the loop waits. At each call of its callback, once per iteration, the thread pauses and the loop
continues; this is one epoch. Only one thread runs at a time.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from operator import attrgetter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from bpviz.libraries import import_library, unknown_name_error
from bpviz.libraries._adapter import LibraryOptimizer, StoppedError, require_unchanged
from bpviz.libraries._class import Facts, build_class, parameters, wrap_call

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.libraries._adapter import SingleRun

_ERROR = ("error",)
_GRADIENT = ("error", "gradient")
_HESSIAN = ("error", "gradient", "hessian")


class Method(NamedTuple):
    """The evaluations a method uses, and the SciPy function that has its options."""

    needs: tuple[str, ...]
    options: str
    remark: str = ""
    lock: str = ""  # lock that SciPy holds while the method runs, so that only one run is possible at a time


_TRUST = "_trustregion._minimize_trust_region"
METHODS = {
    "Nelder-Mead": Method(_ERROR, "_optimize._minimize_neldermead"),
    "Powell": Method(_ERROR, "_optimize._minimize_powell"),
    "CG": Method(_GRADIENT, "_optimize._minimize_cg"),
    "BFGS": Method(_GRADIENT, "_optimize._minimize_bfgs"),
    "Newton-CG": Method(_HESSIAN, "_optimize._minimize_newtoncg"),
    "L-BFGS-B": Method(_GRADIENT, "_lbfgsb_py._minimize_lbfgsb"),
    "TNC": Method(_GRADIENT, "_tnc._minimize_tnc"),
    "COBYLA": Method(
        _ERROR,
        "_cobyla_py._minimize_cobyla",
        "COBYLA calls back after one or two evaluations, with its best weights so far.",
    ),
    "COBYQA": Method(
        _ERROR,
        "_cobyqa_py._minimize_cobyqa",
        "COBYQA calls back after every evaluation, with its best weights so far.",
        "_cobyqa_py.COBYQA_LOCK",
    ),
    "SLSQP": Method(_GRADIENT, "_slsqp_py._minimize_slsqp"),
    "trust-constr": Method(_HESSIAN, "_trustregion_constr._minimize_trustregion_constr"),
    "dogleg": Method(_HESSIAN, _TRUST),
    "trust-ncg": Method(_HESSIAN, _TRUST),
    "trust-exact": Method(_HESSIAN, _TRUST),
    "trust-krylov": Method(_HESSIAN, _TRUST),
}

_SYNONYMS = {"lbfgs": "l-bfgs-b", "lbfgsb": "l-bfgs-b", "l-bfgs": "l-bfgs-b", "simplex": "nelder-mead"}

# Arguments that are not options, or that concern finite differences, constraints or printing.
_EXCLUDED = (
    *("fun", "func", "x0", "args", "jac", "grad", "hess", "hessp", "bounds", "constraints", "callback", "subproblem"),
    *("eps", "finite_diff_rel_step", "workers", "catol", "feasibility_tol", "sparse_jacobian", "factorization_method"),
    *("disp", "iprint", "mesg_num", "verbose", "return_all"),
)


def optimizer_class(name: str) -> type[Any]:
    """Return the class of a method of scipy.optimize.minimize."""
    scipy, optimize = import_library(f"scipy:{name}", "scipy", "scipy.optimize")
    if name not in METHODS:
        raise unknown_name_error(f"scipy:{name}", sorted(METHODS), "scipy.optimize.minimize", _SYNONYMS)
    method = METHODS[name]
    options = parameters(attrgetter(method.options)(optimize), _EXCLUDED)
    if name == "trust-exact":
        options = tuple(option for option in options if option.name != "inexact")
    options_text = ", ".join(f"{option.name!r}: {option.literal}" for option in options)
    return build_class(
        Facts(
            "scipy",
            name,
            f"scipy.optimize.minimize(method={name!r})",
            scipy.__version__,
            needs=method.needs,
            block_evaluations=(),
            recalls=True,
            parameters=options,
            description="\n".join(
                [
                    f"Method {name} of scipy.optimize.minimize.\n",
                    "One epoch is one iteration, which ends with a call of the callback.",
                    *([method.remark] if method.remark else []),
                ]
            ),
            call_text=wrap_call(f"scipy.optimize.minimize(..., method={name!r}, options={{{options_text}}})"),
            **({"max_block_size": 1} if method.lock else {}),
        )
    )


class SciPy(LibraryOptimizer):
    """A method of scipy.optimize.minimize."""

    def _start_run(self, given: Mapping[str, Any], w: Array) -> Any:
        return ScipyRun(Call(self.facts.name, self.facts.needs, given), w)

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        lists = [value for value in given.values() if isinstance(value, tuple)]
        # Lists have one number per weight, or rows with one number per weight.
        size = len(lists[0][-1] if isinstance(lists[0][-1], tuple) else lists[0]) if lists else 2
        with warnings.catch_warnings(), contextlib.suppress(_TrialOverError):
            warnings.simplefilter("ignore")
            Call(cls.facts.name, cls.facts.needs, given).minimize(_Bowl(), np.ones(size), _stop_after(5))


BASE = SciPy


class _Bowl:
    """The problem E = Σ (x⁴ + x²), used for trials."""

    def error(self, x: Array) -> float:
        return float((x**4 + x**2).sum())

    def gradient(self, x: Array) -> Array:
        return 4 * x**3 + 2 * x

    def hessian(self, x: Array) -> Array:
        return np.diag(12 * x**2 + 2)


class _TrialOverError(Exception):
    """Ends a trial."""


def _stop_after(iterations: int) -> Callable[..., None]:
    """Return a callback that ends a trial after some iterations."""
    left = iter(range(iterations))

    def callback(*_arguments: Any) -> None:
        if next(left, None) is None:
            raise _TrialOverError

    return callback


class Call(NamedTuple):
    """A call of ``minimize`` without its problem."""

    method: str
    needs: tuple[str, ...]
    options: Mapping[str, Any]

    def minimize(self, problem: Any, start: Array, callback: Any) -> Any:
        from scipy.optimize import minimize

        options = {name: np.array(v) if isinstance(v, tuple) else v for name, v in self.options.items()}
        jac = problem.gradient if "gradient" in self.needs else None
        hess = problem.hessian if "hessian" in self.needs else None
        return minimize(
            problem.error, start, method=self.method, jac=jac, hess=hess, callback=callback, options=options
        )


# -- threads ---------------------------------------------------------------------------------------------------------


class AbandonedError(BaseException):
    """Ends the thread of an abandoned run."""


class Finished(NamedTuple):
    """The final weights of ``minimize`` and its message."""

    w: Array
    message: str


Report: TypeAlias = "Array | Finished | BaseException"
"""A report of a thread: the weights after an iteration, or its end."""


class ThreadEvaluations:
    """The evaluations of a run's thread in the current epoch."""

    def __init__(self, orders: SimpleQueue[SingleRun | None], reports: SimpleQueue[Report]) -> None:
        self._orders = orders
        self._reports = reports
        self._run: SingleRun | None = None

    def wait(self) -> None:
        """Wait for the next epoch."""
        self._run = self._orders.get()
        self.current_run()

    def current_run(self) -> SingleRun:
        if self._run is None:
            raise AbandonedError
        return self._run

    def error(self, x: Array) -> float:
        return self.current_run().at(x).error()

    def gradient(self, x: Array) -> Array:
        return self.current_run().at(x).gradient()

    def hessian(self, x: Array) -> Array:
        return self.current_run().at(x).hessian()

    def callback(self, x: Array, *_rest: Any) -> None:
        self.current_run()
        self._reports.put(np.array(x))
        self.wait()


def _run_minimize(
    call: Call, start: Array, orders: SimpleQueue[SingleRun | None], reports: SimpleQueue[Report]
) -> None:
    """Run ``minimize`` in its own thread, one epoch per order."""
    evaluations = ThreadEvaluations(orders, reports)
    try:
        evaluations.wait()
        with np.errstate(all="ignore"):
            result = call.minimize(evaluations, start, evaluations.callback)
        reports.put(Finished(np.array(result.x), str(result.message)))
    except AbandonedError:
        pass
    except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
        reports.put(error)


def _stop_thread(orders: SimpleQueue[SingleRun | None], thread: threading.Thread) -> None:
    """End a thread that is waiting for another epoch."""
    orders.put(None)
    if thread.is_alive() and thread is not threading.current_thread():
        thread.join()


class ScipyRun:
    """A call of ``minimize`` for one run. Its thread ends when it has finished or this object is deleted."""

    evaluation_weights = None

    def __init__(self, call: Call, w: Array) -> None:
        self._orders: SimpleQueue[SingleRun | None] = SimpleQueue()
        self._reports: SimpleQueue[Report] = SimpleQueue()
        self._w = np.array(w)
        self._end: Finished | BaseException | None = None  # set when its thread has ended
        self._lock = METHODS[call.method].lock
        arguments = (call, self._w, self._orders, self._reports)
        self._thread = threading.Thread(
            target=_run_minimize, args=arguments, name=f"bpviz scipy:{call.method}", daemon=True
        )

    def step(self, run: SingleRun, w: Array) -> Array:
        if self._end is None:
            require_unchanged(w, self._w)
            if self._thread.ident is None:
                self._start()
            with warnings.catch_warnings():  # affects all threads, but only this one is running
                warnings.simplefilter("ignore")
                self._orders.put(run)
                report = self._reports.get()
            if isinstance(report, np.ndarray):
                self._w = report
                return report
            self._end = report
        if isinstance(self._end, Finished):
            raise StoppedError(self._end.message.partition(". ")[0].rstrip("."), self._end.w)
        raise self._end

    def _start(self) -> None:
        import scipy.optimize

        if self._lock and attrgetter(self._lock)(scipy.optimize).locked():
            raise StoppedError("SciPy allows one run of this method at a time, and another is in progress")
        self._thread.start()
        weakref.finalize(self, _stop_thread, self._orders, self._thread)
