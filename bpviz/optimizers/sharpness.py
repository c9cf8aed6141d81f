"""Sharpness-aware minimization with gradient descent."""

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
        "Its adaptive variant (ASAM), which scales the perturbation by the weights; and optax.contrib.sam without "
        "`opaque_mode`, which reports the perturbed weights as separate updates."
    ),
    synonyms=("sharpness-aware-minimization", "sharpness-aware"),
)
class SharpnessAware:
    """Sharpness-aware minimization with gradient descent.

    The gradient is evaluated at perturbed weights, approximately the worst within a distance ρ. g = ∇E(w).

    ε ← ρ g / |g|
    w ← w - η ∇E(w + ε)

    η: step, ρ: radius; ε is 0 where g is 0
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the perturbed gradient")
    radius: Column = hyper(0.05, "[0, inf)", "radius of the perturbation, ρ")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g = f.gradient(w)
        length = f.xp.sqrt(f.dot(g, g))
        uphill = self.radius * g / f.xp.where(length == 0, 1.0, length)
        return w - self.step * f.gradient(w + uphill), state
