"""Gradient descent, momentum, its average, Adam and RPROP."""

from record import Case

_LIMITS = {"step": 1e-2, "min_step": 1e-6, "max_step": 50.0}  # torch's and optax's defaults

CASES = [
    Case("gd", {"step": 1e-3}, "torch", "SGD", {}),
    Case("gd", {"step": 0.07}, "torch", "SGD", {"lr": 0.07}),
    Case("gd", {"step": 0.07}, "optax", "sgd", {"learning_rate": 0.07}),
    Case("momentum", {"step": 1e-3, "momentum": 0.9}, "torch", "SGD", {"momentum": 0.9}),
    Case("momentum", {"step": 0.002, "momentum": 0.31}, "torch", "SGD", {"lr": 0.002, "momentum": 0.31}),
    Case("momentum", {"step": 0.002, "momentum": 0.31}, "optax", "sgd", {"learning_rate": 0.002, "momentum": 0.31}),
    Case(
        "asgd",
        {"step": 0.002, "decay": 0.7, "power": 0.4, "average_after": 21},
        "torch",
        "ASGD",
        {"lr": 0.002, "lambd": 0.7, "alpha": 0.4, "t0": 20},
        why="torch's mean starts one update late, and is separate from its parameters",
        reads="ax",
    ),
    Case("adam", {}, "torch", "Adam", {}),
    Case("adam", {"step": 1e-3}, "optax", "adam", {"learning_rate": 1e-3}),
    Case(
        "adam",
        {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2},
        "torch",
        "Adam",
        {"lr": 0.3, "betas": [0.35, 0.6], "eps": 0.2},
    ),
    Case(
        "adam",
        {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2},
        "optax",
        "adam",
        {"learning_rate": 0.3, "b1": 0.35, "b2": 0.6, "eps": 0.2},
    ),
    Case("irprop-", _LIMITS, "torch", "Rprop", {}),
    Case(
        "irprop-",
        {"step": 0.03, "increase": 1.31, "decrease": 0.37, "min_step": 0.004, "max_step": 0.2},
        "torch",
        "Rprop",
        {"lr": 0.03, "etas": [0.37, 1.31], "step_sizes": [0.004, 0.2]},
    ),
    Case(
        "rprop",
        _LIMITS,
        "optax",
        "rprop",
        {"learning_rate": 1e-2},
        why="optax returns the update of the call before, so its first moves nothing",
        parts=1,
    ),
    Case(
        "irprop-",
        _LIMITS,
        "optax",
        "rprop",
        {"learning_rate": 1e-2},
        why="optax returns the update of the call before, so its first moves nothing",
        parts=1,
    ),
]
