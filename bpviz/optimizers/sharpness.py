"""Sharpness-aware minimization around gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@optimizer(
    "sam",
    label="SAM",
    needs="gradient",
    source="P. Foret, A. Kleiner, H. Mobahi & B. Neyshabur, ICLR 2021, arXiv:2010.01412, Algorithm 1 with p = 2",
    confused_with=(
        "Its adaptive variant (ASAM), which scales the look uphill by the weights; and optax.contrib.sam without "
        "`opaque_mode`, which reports the points uphill as updates of their own."
    ),
    synonyms=("sharpness-aware-minimization", "sharpness-aware"),
)
class SharpnessAware:
    """Descend by the gradient at the point a little uphill, where the error is about worst nearby. g = ∇E(w).

    ε ← ρ g / |g|
    w ← w - η ∇E(w + ε)

    η: step, ρ: radius. ε is 0 where g is.
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the gradient uphill")
    radius: Column = hyper(0.05, "[0, inf)", "how far uphill the gradient is taken, ρ")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g = f.gradient(w)
        length = f.xp.sqrt(f.dot(g, g))
        uphill = self.radius * g / f.xp.where(length == 0, 1.0, length)
        return w - self.step * f.gradient(w + uphill), state
