"""Rules without derivatives."""

from record import Case

_EXACT = {"xatol": 0, "fatol": 0, "maxfev": 100000}
_SIMPLEX = {"convention": "scipy"}
_VERTICES = "noise on errors moves no vertex, so that it does not show how roundoff in vertices grows"
_POWELL = {"ftol": 0, "maxfev": 100000}

CASES = [
    Case(
        "nelder-mead",
        _SIMPLEX,
        "scipy",
        "Nelder-Mead",
        {"maxiter": 301, **_EXACT},
        why=_VERTICES,
        tolerance=1e-10,
    ),
    Case(
        "nelder-mead",
        _SIMPLEX,
        "scipy",
        "Nelder-Mead",
        {"maxiter": 301, "adaptive": True, **_EXACT},
        why=f"{_VERTICES}; for two weights adaptive coefficients are the usual ones",
        tolerance=1e-10,
    ),
    Case("powell", {"convention": "scipy"}, "scipy", "Powell", _POWELL),
    Case(
        "powell",
        {"convention": "scipy", "step": 0.4, "tolerance": 0.002},
        "scipy",
        "Powell",
        {"direc": [[0.4, 0.0], [0.0, 0.4]], "xtol": 2e-5, **_POWELL},
        why="SciPy's searches are 100 times coarser than xtol",
    ),
]
