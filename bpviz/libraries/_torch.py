"""The optimizers of torch.optim: one object per run, with one parameter, a vector of doubles on the CPU."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bpviz.libraries import imported, unknown
from bpviz.libraries._adapter import Foreign, sentence, stays
from bpviz.libraries._class import Facts, made, parameters

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.libraries._adapter import Own

_CLOSURE = "\n\nOne epoch is one call of step, which may evaluate error and gradient any number of times."


def kind(name: str) -> type[Any]:
    """Return the class of an optimizer of torch.optim."""
    (torch,) = imported(f"torch:{name}", "torch")
    optimizers = {
        known: thing
        for known, thing in vars(torch.optim).items()
        if inspect.isclass(thing) and issubclass(thing, torch.optim.Optimizer) and thing is not torch.optim.Optimizer
    }
    if name not in optimizers:
        raise unknown(f"torch:{name}", sorted(optimizers), "torch.optim")
    call = optimizers[name]
    closure = _wants_closure(call)
    found = made(
        Facts(
            "torch",
            name,
            f"torch.optim.{name}",
            torch.__version__,
            needs=("error", "gradient") if closure else ("gradient",),
            of_the_block=() if closure else ("gradient",),
            recalls=closure or _swaps(call),
            parameters=parameters(call, ("params",)),
            about=inspect.cleandoc(call.__doc__ or "").partition("\n\n")[0] + (_CLOSURE if closure else ""),
        )
    )
    try:
        found._try({})
    except Exception as error:  # noqa: BLE001 - a library may raise any exception
        raise KeyError(f"torch:{name} does not support a vector of weights: {sentence(error)}") from None
    return found


def _wants_closure(call: Any) -> bool:
    """Return whether the step of the optimizer requires a closure."""
    return inspect.signature(call.step).parameters["closure"].default is inspect.Parameter.empty


def _swaps(optimizer: Any) -> bool:
    """Return whether an optimizer has different weights for training and for evaluation."""
    return hasattr(optimizer, "train") and hasattr(optimizer, "eval")


@contextlib.contextmanager
def _doubles() -> Iterator[None]:
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


class Torch(Foreign):
    """An optimizer of torch.optim."""

    _at_home = staticmethod(_doubles)

    def _walker(self, given: Mapping[str, Any], w: Array) -> Any:
        return TorchWalker(self.facts.name, given, w)

    @classmethod
    def _try(cls, given: Mapping[str, Any]) -> None:
        with _doubles():
            walker = TorchWalker(cls.facts.name, given, np.array([1.0, -2.0]))
            for _ in range(2):
                walker.go(lambda x: (float(x @ x), 2 * x))


WALKS = Torch


class TorchWalker:
    """An optimizer of torch that advances one run."""

    def __init__(self, name: str, given: Mapping[str, Any], w: Array) -> None:
        import torch

        self._w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
        self._w.grad = torch.zeros_like(self._w)
        self._tensor = torch.tensor
        self._optimizer: Any = getattr(torch.optim, name)([self._w], **given)
        self._swaps = _swaps(self._optimizer)
        self._judged = w
        self.asks_at: Array | None = None
        if self._swaps:
            self._optimizer.train()
            self.asks_at = self._weights()

    def step(self, own: Own, w: Array, g: Array | None = None) -> Array:
        if self._swaps:
            stays(w, self._judged)
        else:
            self._w.data.copy_(self._tensor(w))
        if g is not None:
            self._slope(g)
            self._optimizer.step()
        else:

            def answers(x: Array) -> tuple[float, Array]:
                spot = own.at(x)
                return spot.error(), spot.gradient()

            self.go(answers)
        if not self._swaps:
            return self._weights()
        self.asks_at = self._weights()
        self._optimizer.eval()
        self._judged = self._weights()
        self._optimizer.train()
        return self._judged

    def go(self, answers: Any) -> None:
        """Make a step with a closure; ``answers`` returns error and gradient at given weights."""

        def closure() -> Any:
            error, g = answers(self._weights())
            self._slope(g)
            return self._tensor(error)

        self._optimizer.step(closure)

    def _weights(self) -> Array:
        weights: Array = self._w.detach().numpy().copy()
        return weights

    def _slope(self, g: Array) -> None:
        self._w.grad = self._tensor(np.ascontiguousarray(g))
