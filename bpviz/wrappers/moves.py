"""Wrappers around the move: weights that decay beside it, and weights that look ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, wrapper
from bpviz.declare.domains import Choice
from bpviz.wrappers._base import Inside, renewed, step, with_memory

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@wrapper(
    "weight-decay",
    label="weight decay",
    source="I. Loshchilov & F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019, arXiv:1711.05101",
    confused_with=(
        "coupled-weight-decay, whose decay passes through the rule. torch.optim.AdamW and optax.adamw are adam in this "
        "one; the paper decays by λ alone (`convention: paper`), times the schedule if there is one around."
    ),
    synonyms=("decoupled-weight-decay", "decay", "adamw-decay", "decoupled"),
)
class WeightDecay(Wrapper):
    """Let the weights decay beside what the rule does.

    w ← rule(w) - η λ w, and rule(w) - λ w for a rule without a step
    convention paper: rule(w) - λ w

    λ: weight_decay, η: the step of the rule, as a schedule around this leaves it; the last line: convention
    """

    weight_decay: Column = hyper(0.01, "[0, inf)", "fraction λ of the weights that is taken away")
    convention: str = hyper(
        "torch", Choice(("torch", "paper")), "λ times the step as in torch and optax, or by itself as in the paper"
    )

    def conflicts(self) -> list[tuple[str, str]]:
        return with_memory(self.inner, "which are of other weights once these have decayed")

    def scales(self) -> tuple[str, ...]:
        return () if self._by_step() else ("weight_decay",)

    def _by_step(self) -> bool:
        return self.convention == "torch" and step(self.inner) is not None

    def begin(self, w: Array, f: Oracle) -> Inside:
        return Inside(self.inner.begin(w, f))

    def advance(self, w: Array, state: Inside, f: Oracle) -> tuple[Array, Inside]:
        moved, inner = self.inner.advance(w, state.inner, f)
        decay = step(self.inner) * self.weight_decay if self._by_step() else self.weight_decay
        return moved - decay * w, Inside(inner)


class Pair(NamedTuple):
    """What lookahead remembers; the weights it reports are the fast ones."""

    slow: Array  # (runs, params), slow weights φ
    t: Array  # (runs, 1), epochs since they moved
    inner: Any


@wrapper(
    "lookahead",
    label="lookahead",
    source="M. R. Zhang, J. Lucas, G. Hinton & J. Ba, NeurIPS 2019, arXiv:1907.08610, Algorithm 1",
    confused_with=(
        "Nesterov's momentum, which looks ahead in every epoch. The rows are the fast weights, as in optax.lookahead "
        "and pytorch_optimizer's Lookahead, whose rules keep what they remember when the weights are pulled back, as "
        "here. A rule that goes on from what it was answered last begins again then, since those answers are of "
        "another place."
    ),
    synonyms=("look-ahead", "k-steps-forward"),
)
class Lookahead(Wrapper):
    """Let the rule run ahead, and every few epochs go only part of the way after it.

    θ ← rule(θ)
    every k epochs:  φ ← φ + α (θ - φ),  θ ← φ
    w = θ

    k: every, α: share; φ, θ: the slow and the fast weights, both w at the start
    """

    every: int = hyper(5, "integer [1, inf)", "epochs k from one pull to the next")
    share: Column = hyper(0.5, "(0, 1]", "part α of the way that the slow weights go")

    def begin(self, w: Array, f: Oracle) -> Pair:
        return Pair(w, f.xp.zeros((len(w), 1)), self.inner.begin(w, f))

    def advance(self, w: Array, state: Pair, f: Oracle) -> tuple[Array, Pair]:
        xp = f.xp
        fast, inner = self.inner.advance(w, state.inner, f)
        t = state.t + 1
        pull = t >= self.every
        slow = xp.where(pull, state.slow + self.share * (fast - state.slow), state.slow)
        w = xp.where(pull, slow, fast)
        return w, Pair(slow, xp.where(pull, 0.0, t), renewed(self.inner, pull, w, inner, f))
