"""Newton's method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Oracle


@optimizer(
    "newton",
    label="Newton's method",
    needs="gradient hessian",
    source="J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006, sections 2.2 and 3.4",
    confused_with=(
        "Gauss-Newton, which replaces the Hessian by JᵀJ; and the modified Newton methods that choose λ themselves."
    ),
    synonyms=("hessian", "newtons-method", "damped-newton"),
)
class Newton:
    """Jump to where the quadratic model of the error has its stationary point. g = ∇E(w), H = ∇²E(w).

    w ← w - η (H + λ I)⁻¹ g

    η: step, λ: penalty. A run whose H + λ I is singular cannot go on.
    """

    step: Column = hyper(1.0, "(0, inf)", "fraction η of the Newton step that is taken")
    penalty: Column = hyper(0.01, "[0, inf)", "constant λ added to the diagonal of the Hessian")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, H = f.gradient(w), f.hessian(w)  # the paper's letter
        direction = f.solve(H + f.xp.asarray(self.penalty)[..., None] * f.xp.eye(w.shape[1]), g)
        singular = f.xp.isnan(direction).any(axis=1)
        f.cannot_go_on(singular)
        return f.xp.where(singular[:, None], w, w - self.step * direction), state
