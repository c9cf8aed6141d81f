"""Rules that use the diagonal of the Hessian, and Shampoo."""

from record import DIAGONAL, Case

_SLOW = {"beta1": 0.35, "beta2": 0.6}

CASES = [
    Case(
        "adahessian",
        {"step": 0.1, "epsilon": 1e-16, "estimate": "exact"},
        "pytorch_optimizer",
        "AdaHessian",
        {},
        handed=DIAGONAL,
    ),
    Case(
        "adahessian",
        {"step": 0.03, **_SLOW, "power": 0.7, "epsilon": 0.2, "estimate": "exact"},
        "pytorch_optimizer",
        "AdaHessian",
        {"lr": 0.03, "betas": [0.35, 0.6], "hessian_power": 0.7, "eps": 0.2},
        handed=DIAGONAL,
    ),
    Case(
        "sophia",
        {"step": 6e-2 * 1e-2, "gamma": 1e-2, "epsilon": 1e-12 * 1e-2, "estimate": "exact"},
        "pytorch_optimizer",
        "SophiaH",
        {},
        why="without γ and cut at p = 0.01: the step is lr p",
        handed=DIAGONAL,
    ),
    Case(
        "sophia",
        {"step": 0.15, **_SLOW, "gamma": 2.5, "epsilon": 0.5, "weight_decay": 0.012, "refresh": 3, "estimate": "exact"},
        "pytorch_optimizer",
        "SophiaH",
        {"lr": 0.06, "betas": [0.35, 0.6], "p": 2.5, "eps": 0.2, "weight_decay": 0.03, "update_period": 3},
        why="the step is lr p, and its product with λ that of lr with weight_decay",
        handed=DIAGONAL,
    ),
    Case(
        "sophia",
        {
            "step": 1e-3,
            "beta1": 0.965,
            "epsilon": 1e-8,
            "weight_decay": 1e-4,
            "estimate": "exact",
            "convention": "optax",
        },
        "optax",
        "contrib.sophia",
        {"learning_rate": 1e-3},
        handed=DIAGONAL,
    ),
    Case(
        "sophia",
        {
            "step": 0.03,
            **_SLOW,
            "gamma": 2.5,
            "epsilon": 0.2,
            "weight_decay": 0.03,
            "refresh": 3,
            "estimate": "exact",
            "convention": "optax",
        },
        "optax",
        "contrib.sophia",
        {
            "learning_rate": 0.03,
            "b1": 0.35,
            "b2": 0.6,
            "gamma": 2.5,
            "eps": 0.2,
            "weight_decay": 0.03,
            "update_interval": 3,
        },
        handed=DIAGONAL,
    ),
    Case("shampoo", {"step": 1e-3, "epsilon": 1e-6}, "pytorch_optimizer", "Shampoo", {}),
    Case("shampoo", {"step": 0.07, "epsilon": 0.2}, "pytorch_optimizer", "Shampoo", {"lr": 0.07, "matrix_eps": 0.2}),
]
