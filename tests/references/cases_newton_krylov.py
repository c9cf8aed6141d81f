"""Newton's method in Krylov subspaces by SciPy; and wrappers of optax that tune steps or add noise."""

from record import NORMAL, Case

_REGION = {"initial_trust_radius": 0.3, "max_trust_radius": 1.7, "eta": 0.22}
_SAME_REGION = {"step": 0.3, "max_step": 1.7, "accept": 0.22}
_LENGTHS = "the lengths of SciPy's steps differ from the radius by up to 1e-9"
_SGD = {"name": "sgd", "arguments": {"learning_rate": 1.0}}
_ADAM = {"name": "adam", "arguments": {"learning_rate": 0.3}}
_GD, _AROUND_ADAM = {"name": "gd", "step": 1.0}, {"name": "adam", "step": 0.3}

CASES = [
    Case("newton-cg", {}, "scipy", "Newton-CG at any curvature", {"xtol": 0}),
    Case(
        "newton-cg", {"c1": 0.05, "c2": 0.3}, "scipy", "Newton-CG at any curvature", {"c1": 0.05, "c2": 0.3, "xtol": 0}
    ),
    Case(
        "newton-cg", {}, "scipy", "Newton-CG", {"xtol": 0}, why="SciPy tries Moré and Thuente's search first", parts=1
    ),
    Case("trust-ncg", {}, "scipy", "trust-ncg", {}),
    Case("trust-ncg", _SAME_REGION, "scipy", "trust-ncg", {**_REGION, "gtol": 0}),
    Case("trust-krylov", {}, "scipy", "trust-krylov", {"inexact": False}, why=_LENGTHS, tolerance=1e-8),
    Case(
        "trust-krylov",
        _SAME_REGION,
        "scipy",
        "trust-krylov",
        {"inexact": False, **_REGION},
        why=_LENGTHS,
        tolerance=1e-8,
    ),
    Case("trust-krylov", {}, "scipy", "trust-krylov", {}, why="SciPy's tolerances depend on the gradient", parts=1),
    Case("mechanic", {"around": _GD}, "optax", "contrib.mechanize", {"base_optimizer": _SGD}),
    Case(
        "mechanic",
        {"around": _AROUND_ADAM, "initial_scale": 0.002, "betas": 3, "weight_decay": 0.3, "epsilon": 0.001},
        "optax",
        "contrib.mechanize",
        {"base_optimizer": _ADAM, "s_init": 0.002, "num_betas": 3, "weight_decay": 0.3, "eps": 0.001},
    ),
    Case("gradient-noise", {"around": _GD}, "optax", "noisy_sgd", {"learning_rate": 1.0, "key": 0}, handed=NORMAL),
    Case(
        "gradient-noise",
        {"around": {"name": "gd", "step": 1e-3}, "variance": 0.3, "power": 1.2},
        "optax",
        "noisy_sgd",
        {"learning_rate": 1e-3, "key": 0, "eta": 0.3, "gamma": 1.2},
        handed=NORMAL,
    ),
]
