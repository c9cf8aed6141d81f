"""Rules for least squares."""

from record import Case

_LM = {"materialize_jac": True, "solver": "lu"}  # solves the normal equations directly

CASES = [
    Case("levenberg-marquardt", {"damping": 1e-6}, "jaxopt", "LevenbergMarquardt", _LM),
    Case("levenberg-marquardt", {}, "jaxopt", "LevenbergMarquardt", {"damping_parameter": 1.0, **_LM}),
    Case("levenberg-marquardt", {"damping": 0.02}, "jaxopt", "LevenbergMarquardt", {"damping_parameter": 0.02, **_LM}),
    Case(
        "gauss-newton",
        {},
        "jaxopt",
        "GaussNewton",
        {},
        why="jaxopt solves for the step by conjugate gradients, to a relative accuracy of 1e-5",
        tolerance=1e-6,
    ),
]
