"""Optimizers of optax for matrices, which use a form of Adam for a vector of weights."""

from record import Case

_SLOW = {"beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
_ONLY_MATRICES = "it treats only matrices differently"

CASES = [
    Case(
        "nadam",
        {"step": 0.01, "convention": "optax"},
        "optax",
        "contrib.muon",
        {"learning_rate": 0.01},
        why=_ONLY_MATRICES,
    ),
    Case(
        "nadam",
        {"step": 0.03, **_SLOW, "convention": "optax"},
        "optax",
        "contrib.muon",
        {"learning_rate": 0.03, "adam_b1": 0.35, "adam_b2": 0.6, "eps": 0.2},
        why=_ONLY_MATRICES,
    ),
    Case(
        "adam",
        {"step": 0.01, **_SLOW},
        "optax",
        "contrib.muon",
        {"learning_rate": 0.01, "adam_b1": 0.35, "adam_b2": 0.6, "eps": 0.2, "nesterov": False},
        why=_ONLY_MATRICES,
    ),
    Case("adam", {"step": 0.01}, "optax", "contrib.galore", {"learning_rate": 0.01}, why=_ONLY_MATRICES),
]
