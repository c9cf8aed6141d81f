"""The optimizers of torch.optim: one object per run, with one parameter, a vector of doubles on the CPU."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.libraries import import_library, unknown_name_error
from bpviz.libraries._adapter import LibraryOptimizer, one_line, require_unchanged
from bpviz.libraries._class import Facts, build_class, parameters

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.libraries._adapter import SingleRun

_CLOSURE_NOTE = "\n\nOne epoch is one call of step, which may evaluate error and gradient any number of times."


def optimizer_class(name: str) -> type[Any]:
    """Return the class of an optimizer of torch.optim."""
    (torch,) = import_library(f"torch:{name}", "torch")
    optimizers = {
        known: value
        for known, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    }
    if name not in optimizers:
        raise unknown_name_error(f"torch:{name}", sorted(optimizers), "torch.optim")
    call = optimizers[name]
    closure = _requires_closure(call)
    found = build_class(
        Facts(
            "torch",
            name,
            f"torch.optim.{name}",
            torch.__version__,
            needs=("error", "gradient") if closure else ("gradient",),
            block_evaluations=() if closure else ("gradient",),
            recalls=closure or _has_evaluation_weights(call),
            parameters=parameters(call, ("params",)),
            description=inspect.cleandoc(call.__doc__ or "").partition("\n\n")[0] + (_CLOSURE_NOTE if closure else ""),
        )
    )
    try:
        found._try({})
    except Exception as error:  # noqa: BLE001 - a library may raise any exception
        raise KeyError(f"torch:{name} does not support a vector of weights: {one_line(error)}") from None
    return found


def _requires_closure(call: Any) -> bool:
    """Return whether the step of the optimizer requires a closure."""
    return inspect.signature(call.step).parameters["closure"].default is inspect.Parameter.empty


def _has_evaluation_weights(optimizer: Any) -> bool:
    """Return whether an optimizer has different weights for training and for evaluation."""
    return hasattr(optimizer, "train") and hasattr(optimizer, "eval")


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    """Use double precision for all tensors created here, including scalars in an optimizer's state."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(before)


class Torch(LibraryOptimizer):
    """An optimizer of torch.optim."""

    _library_context = staticmethod(_double_precision)

    def _start_run(self, given: Mapping[str, Any], w: Array) -> Any:
        return TorchRun(self.facts.name, given, w)

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        with _double_precision():
            library_run = TorchRun(cls.facts.name, given, np.array([1.0, -2.0]))
            for _ in range(2):
                library_run.closure_step(lambda x: (float(x @ x), 2 * x))


BASE = Torch


class TorchRun:
    """An optimizer of torch that advances one run."""

    def __init__(self, name: str, given: Mapping[str, Any], w: Array) -> None:
        import torch

        self._w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
        self._w.grad = torch.zeros_like(self._w)
        self._tensor = torch.tensor
        self._optimizer: Any = getattr(torch.optim, name)([self._w], **given)
        self._has_evaluation_weights = _has_evaluation_weights(self._optimizer)
        self._reported = w
        self.evaluation_weights: Array | None = None
        if self._has_evaluation_weights:
            self._optimizer.train()
            self.evaluation_weights = self._weights()

    def step(self, run: SingleRun, w: Array, g: Array | None = None) -> Array:
        if self._has_evaluation_weights:
            require_unchanged(w, self._reported)
        else:
            self._w.data.copy_(self._tensor(w))
        if g is not None:
            self._set_gradient(g)
            self._optimizer.step()
        else:

            def answers(x: Array) -> tuple[float, Array]:
                point = run.at(x)
                return point.error(), point.gradient()

            self.closure_step(answers)
        if not self._has_evaluation_weights:
            return self._weights()
        self.evaluation_weights = self._weights()
        self._optimizer.eval()
        self._reported = self._weights()
        self._optimizer.train()
        return self._reported

    def closure_step(self, answers: Any) -> None:
        """Make a step with a closure; ``answers`` returns error and gradient at given weights."""

        def closure() -> Any:
            error, g = answers(self._weights())
            self._set_gradient(g)
            return self._tensor(error)

        self._optimizer.step(closure)

    def _weights(self) -> Array:
        weights: Array = self._w.detach().numpy().copy()
        return weights

    def _set_gradient(self, g: Array) -> None:
        self._w.grad = self._tensor(np.ascontiguousarray(g))
