"""Decay of steps and weights: part of the optimizer in the libraries, a wrapper in bpviz."""

from record import Case

_WHY = "its decay applies to the weights before the update, and is multiplied by the step"

CASES = [
    Case(
        "inverse-time",
        {"around": {"name": "adagrad", "step": 0.5, "epsilon": 0.2}, "decay": 0.05},
        "torch",
        "Adagrad",
        {"lr": 0.5, "eps": 0.2, "lr_decay": 0.05},
    ),
    Case(
        "weight-decay",
        {"around": {"name": "nadam", "step": 0.01, "convention": "optax"}, "weight_decay": 0.01},
        "optax",
        "nadamw",
        {"learning_rate": 0.01, "weight_decay": 0.01},
        why=_WHY,
    ),
    Case(
        "weight-decay",
        {"around": {"name": "adamax", "step": 0.03, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}, "weight_decay": 0.3},
        "optax",
        "adamaxw",
        {"learning_rate": 0.03, "b1": 0.35, "b2": 0.6, "eps": 0.2, "weight_decay": 0.3},
        why=_WHY,
    ),
]
