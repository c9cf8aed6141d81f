"""Trust regions and quasi-Newton: SciPy's methods, and the L-BFGS of torch and optax.

Line searches differ between libraries. A method with another search than that of bpviz is recorded twice: unchanged,
for the update at which it starts to differ, and with SciPy's ``line_search`` as its search, for the other updates.
"""

from record import Case

_NO_STOP = {"gtol": 0}
_ONE_UPDATE = {"max_iter": 1, "tolerance_grad": 0, "tolerance_change": 0}
_LBFGS_STOPS = "torch makes max_iter updates per call, and stops where numbers are small"
_MORE_THUENTE = "SciPy tries Moré and Thuente's search first"
_REGION = {"initial_trust_radius": 0.3, "max_trust_radius": 1.7, "eta": 0.22, **_NO_STOP}

CASES = [
    Case("dogleg", {}, "scipy", "dogleg", {}),
    Case("dogleg", {"step": 0.3, "max_step": 1.7, "accept": 0.22}, "scipy", "dogleg", _REGION),
    Case("trust-exact", {"tolerance": 1e-13}, "scipy", "trust-exact exactly", {}),
    Case(
        "trust-exact",
        {"step": 0.3, "max_step": 1.7, "accept": 0.22, "tolerance": 1e-13},
        "scipy",
        "trust-exact exactly",
        _REGION,
    ),
    Case(
        "trust-exact",
        {},
        "scipy",
        "trust-exact",
        {},
        why="SciPy accepts a step whose length is within 10 % of the radius",
        parts=1,
    ),
    Case("bfgs", {}, "scipy", "BFGS by line_search", _NO_STOP),
    Case("bfgs", {"c1": 0.05, "c2": 0.3}, "scipy", "BFGS by line_search", {"c1": 0.05, "c2": 0.3, **_NO_STOP}),
    Case("bfgs", {}, "scipy", "BFGS", {}, why=_MORE_THUENTE, parts=1),
    Case("l-bfgs", {}, "scipy", "L-BFGS-B", {}, why=_MORE_THUENTE, parts=1),
    Case(
        "l-bfgs",
        {"memory": 100},
        "torch",
        "LBFGS by line_search",
        {"line_search_fn": "strong_wolfe", "max_eval": 1000, **_ONE_UPDATE},
        why=_LBFGS_STOPS,
    ),
    Case(
        "l-bfgs",
        {"memory": 2},
        "torch",
        "LBFGS by line_search",
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_eval": 1000, **_ONE_UPDATE},
        why=_LBFGS_STOPS,
    ),
    Case(
        "l-bfgs",
        {"memory": 100},
        "torch",
        "LBFGS",
        {"line_search_fn": "strong_wolfe", "max_eval": 1000, **_ONE_UPDATE},
        why="torch's search interpolates with cubics, and its first trial is 1",
        parts=1,
    ),
    Case(
        "l-bfgs", {}, "optax", "lbfgs", {}, why="optax's first trial is 1, and its search accepts other steps", parts=1
    ),
    Case("l-bfgs-fixed", {"memory": 100}, "torch", "LBFGS", _ONE_UPDATE, why=_LBFGS_STOPS),
    Case(
        "l-bfgs-fixed",
        {"step": 0.13, "memory": 3},
        "torch",
        "LBFGS",
        {"lr": 0.13, "history_size": 3, **_ONE_UPDATE},
        why=_LBFGS_STOPS,
    ),
    Case("l-bfgs-fixed", {"convention": "optax"}, "optax", "lbfgs", {"linesearch": None}),
    Case(
        "l-bfgs-fixed",
        {"step": 0.13, "memory": 3, "scale": False, "convention": "optax"},
        "optax",
        "lbfgs",
        {"learning_rate": 0.13, "memory_size": 3, "scale_init_precond": False, "linesearch": None},
    ),
    Case(
        "l-bfgs-fixed",
        {"step": 0.13, "memory": 1, "convention": "optax"},
        "optax",
        "lbfgs",
        {"learning_rate": 0.13, "memory_size": 1, "linesearch": None},
    ),
]
