"""Wrappers that modify the weights after an update: weight decay and lookahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, wrapper
from bpviz.declare.domains import Choice
from bpviz.wrappers._base import WrapperState, state_after_move, step, with_memory

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@wrapper(
    "weight-decay",
    label="weight decay",
    source="I. Loshchilov & F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019, arXiv:1711.05101",
    confused_with=(
        "coupled-weight-decay, whose decay passes through the rule. torch.optim.AdamW and optax.adamw equal adam with "
        "this wrapper; the paper decays by λ alone (`convention: paper`), times the factor of a schedule around it."
    ),
    synonyms=("decoupled-weight-decay", "decay", "adamw-decay", "decoupled"),
)
class WeightDecay(Wrapper):
    """Decoupled weight decay.

    The weights decay by a fraction per epoch, independently of the update of the rule.

    w ← rule(w) - η λ w, and rule(w) - λ w for a rule without a step
    convention paper: rule(w) - λ w

    λ: weight_decay, η: step of the rule, times the factor of a schedule around it; variant: convention
    """

    weight_decay: Column = hyper(0.01, "[0, inf)", "weight decay per epoch, λ, as a fraction of the weights")
    convention: str = hyper("torch", Choice(("torch", "paper")), "decay by η λ (torch, optax) or by λ (paper)")

    def conflicts(self) -> list[tuple[str, str]]:
        return with_memory(self.inner, "which do not apply to the decayed weights")

    def scales(self) -> tuple[str, ...]:
        return () if self._by_step() else ("weight_decay",)

    def _by_step(self) -> bool:
        return self.convention == "torch" and step(self.inner) is not None

    def begin(self, w: Array, f: Oracle) -> WrapperState:
        return WrapperState(self.inner.begin(w, f))

    def advance(self, w: Array, state: WrapperState, f: Oracle) -> tuple[Array, WrapperState]:
        moved, inner = self.inner.advance(w, state.inner, f)
        decay = step(self.inner) * self.weight_decay if self._by_step() else self.weight_decay
        return moved - decay * w, WrapperState(inner)


class Pair(NamedTuple):
    """State of lookahead; the weights of a run are the fast weights θ."""

    slow: Array  # (runs, params), φ, slow weights
    t: Array  # (runs, 1), epochs since the last update of φ
    inner: Any


@wrapper(
    "lookahead",
    label="lookahead",
    source="M. R. Zhang, J. Lucas, G. Hinton & J. Ba, NeurIPS 2019, arXiv:1907.08610, Algorithm 1",
    confused_with=(
        "Nesterov momentum, which extrapolates in every epoch. Reported weights are the fast weights; the rule keeps "
        "its state when they are pulled back, as in optax.lookahead and pytorch_optimizer's Lookahead. Only a rule "
        "that reuses values computed at its last weights starts again at this point."
    ),
    synonyms=("look-ahead", "k-steps-forward"),
)
class Lookahead(Wrapper):
    """Lookahead with slow and fast weights.

    The rule updates the fast weights θ; every k epochs the slow weights φ move a fraction towards them and replace
    them.

    θ ← rule(θ)
    every k epochs:  φ ← φ + α (θ - φ),  θ ← φ
    w = θ

    k: every, α: share; φ, θ: the slow and the fast weights, both w at the start
    """

    every: int = hyper(5, "integer [1, inf)", "number of epochs between updates of the slow weights, k")
    share: Column = hyper(0.5, "(0, 1]", "fraction of the distance that the slow weights move, α")

    def begin(self, w: Array, f: Oracle) -> Pair:
        return Pair(w, f.xp.zeros((len(w), 1)), self.inner.begin(w, f))

    def advance(self, w: Array, state: Pair, f: Oracle) -> tuple[Array, Pair]:
        xp = f.xp
        fast, inner = self.inner.advance(w, state.inner, f)
        t = state.t + 1
        pull = t >= self.every
        slow = xp.where(pull, state.slow + self.share * (fast - state.slow), state.slow)
        w = xp.where(pull, slow, fast)
        return w, Pair(slow, xp.where(pull, 0.0, t), state_after_move(self.inner, pull, w, inner, f))
