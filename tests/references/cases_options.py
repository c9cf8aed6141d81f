"""Options of rules that only some libraries have."""

from typing import Any

from record import Case

_SLOW = {"beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}  # an epsilon large enough to show where it is added
_THEIR_SLOW = {"b1": 0.35, "b2": 0.6, "eps": 0.2}
_ROOT = "pytorch_optimizer adds 1e-15 under the root as well, which shows where gradients are small"
_SWITCH = f"{_ROOT}; and it switches by another criterion, which here is met at the second update, like that of bpviz"
_BELIEF = {"step": 0.0007, "beta1": 0.35, "beta2": 0.9, "epsilon": 0.02}  # no rectification with a beta2 of 0.6
_FREE = {"step": 0.002, "momentum": 0.4, "weight_decay": 0.02, "warmup": 20, "power": 0.7, "epoch_power": 1.3}
_FREE_ADAMW = {
    "step": 0.03,
    "beta1": 0.4,
    "beta2": 0.6,
    "epsilon": 0.2,
    "weight_decay": 0.02,
    "warmup": 20,
    "power": 0.7,
    "epoch_power": 1.3,
}
_PRODIGY = {
    "step": 0.7,
    "beta1": 0.35,
    "beta2": 0.6,
    "epsilon": 0.2,
    "first_distance": 0.03,
    "coefficient": 0.8,
    "weight_decay": 0.02,
    "safeguard_warmup": True,
}


def _backtracking(settings: dict[str, Any], **search: float) -> Case:
    """Return the case of optax's search along the negative gradient."""
    chain = {
        "0": {"name": "sgd", "arguments": {"learning_rate": 1.0}},
        "1": {"name": "scale_by_backtracking_linesearch", "arguments": {"max_backtracking_steps": 1000, **search}},
    }
    return Case("backtracking", settings, "optax", "chain", chain)


CASES = [
    Case("adam", {"epsilon_root": 0.01}, "optax", "adam", {"learning_rate": 1e-3, "eps_root": 0.01}),
    Case(
        "adam",
        {"step": 0.03, **_SLOW, "epsilon_root": 0.3},
        "optax",
        "adam",
        {"learning_rate": 0.03, **_THEIR_SLOW, "eps_root": 0.3},
    ),
    Case(
        "amsgrad",
        {"convention": "optax-raw"},
        "optax",
        "amsgrad",
        {"learning_rate": 1e-3, "bias_correction_nu": False},
    ),
    Case(
        "amsgrad",
        {"step": 0.03, **_SLOW, "epsilon_root": 0.3, "convention": "optax-raw"},
        "optax",
        "amsgrad",
        {"learning_rate": 0.03, **_THEIR_SLOW, "eps_root": 0.3, "bias_correction_nu": False},
    ),
    Case(
        "amsgrad",
        {"step": 0.03, **_SLOW, "epsilon_root": 0.3, "convention": "optax"},
        "optax",
        "amsgrad",
        {"learning_rate": 0.03, **_THEIR_SLOW, "eps_root": 0.3},
    ),
    Case(
        "adamw",
        {"step": 0.03, **_SLOW, "epsilon_root": 0.3, "weight_decay": 0.02, "convention": "torch"},
        "optax",
        "adamw",
        {"learning_rate": 0.03, **_THEIR_SLOW, "eps_root": 0.3, "weight_decay": 0.02},
    ),
    Case(
        "nadam",
        {"step": 0.03, **_SLOW, "epsilon_root": 0.3, "convention": "optax"},
        "optax",
        "nadam",
        {"learning_rate": 0.03, **_THEIR_SLOW, "eps_root": 0.3},
    ),
    Case(
        "radam",
        {"step": 0.001, "beta1": 0.35, "beta2": 0.9, "epsilon": 0.2, "epsilon_root": 0.3, "threshold": 5.5},
        "optax",
        "radam",
        {"learning_rate": 0.001, "b1": 0.35, "b2": 0.9, "eps": 0.2, "eps_root": 0.3, "threshold": 5.5},
    ),
    Case(
        "rmsprop",
        {"initial": 1.0, "bias_correction": True},
        "optax",
        "rmsprop",
        {"learning_rate": 0.01, "initial_scale": 1.0, "bias_correction": True},
    ),
    Case("rmsprop", {"initial": 0.3}, "optax", "rmsprop", {"learning_rate": 0.01, "initial_scale": 0.3}),
    Case(
        "rmsprop",
        {
            "step": 0.002,
            "decay": 0.7,
            "momentum": 0.4,
            "epsilon": 0.05,
            "initial": 0.3,
            "bias_correction": True,
            "centered": True,
        },
        "optax",
        "rmsprop",
        {
            "learning_rate": 0.002,
            "decay": 0.7,
            "momentum": 0.4,
            "eps": 0.05,
            "initial_scale": 0.3,
            "bias_correction": True,
            "centered": True,
        },
    ),
    Case("adabelief", {"nesterov": True}, "optax", "adabelief", {"learning_rate": 1e-3, "nesterov": True}),
    Case(
        "adabelief",
        {"step": 0.03, **_SLOW, "nesterov": True},
        "optax",
        "adabelief",
        {"learning_rate": 0.03, **_THEIR_SLOW, "eps_root": 0.2, "nesterov": True},
    ),
    Case(
        "adabelief", {"rectify": True}, "pytorch_optimizer", "AdaBelief", {"rectify": True, "degenerated_to_sgd": True}
    ),
    Case(
        "adabelief",
        {**_BELIEF, "rectify": True},
        "pytorch_optimizer",
        "AdaBelief",
        {"lr": 0.0007, "betas": [0.35, 0.9], "eps": 0.02, "rectify": True, "degenerated_to_sgd": True},
    ),
    Case("adopt", {"nesterov": True}, "optax", "contrib.adopt", {"learning_rate": 1e-3, "nesterov": True}),
    Case(
        "adopt",
        {"step": 0.01, **_SLOW, "nesterov": True},
        "optax",
        "contrib.adopt",
        {"learning_rate": 0.01, **_THEIR_SLOW, "nesterov": True},
    ),
    Case(
        "diffgrad",
        {"amsbound": True, "convention": "torch"},
        "pytorch_optimizer",
        "DiffGrad",
        {"ams_bound": True},
        why=_ROOT,
        tolerance=1e-10,
    ),
    Case(
        "diffgrad",
        {"step": 0.03, **_SLOW, "amsbound": True, "convention": "torch"},
        "pytorch_optimizer",
        "DiffGrad",
        {"lr": 0.03, "betas": [0.35, 0.6], "eps": 0.2, "ams_bound": True},
        why=_ROOT,
        tolerance=1e-10,
    ),
    Case("novograd", {"averaging": True}, "pytorch_optimizer", "NovoGrad", {"grad_averaging": True}),
    Case(
        "novograd",
        {"step": 0.02, **_SLOW, "weight_decay": 0.03, "averaging": True},
        "pytorch_optimizer",
        "NovoGrad",
        {"lr": 0.02, "betas": [0.35, 0.6], "eps": 0.2, "weight_decay": 0.03, "grad_averaging": True},
    ),
    Case(
        "sm3",
        {"momentum": 0.0, "decay": 0.9, "epsilon": 1e-30},
        "pytorch_optimizer",
        "SM3",
        {"beta": 0.9},
    ),
    Case(
        "sm3",
        {"step": 0.05, "momentum": 0.4, "decay": 0.7, "epsilon": 0.2},
        "pytorch_optimizer",
        "SM3",
        {"lr": 0.05, "momentum": 0.4, "beta": 0.7, "eps": 0.2},
    ),
    Case(
        "novograd",
        {"step": 0.02, **_SLOW, "epsilon_root": 0.3, "weight_decay": 0.03},
        "optax",
        "novograd",
        {"learning_rate": 0.02, **_THEIR_SLOW, "eps_root": 0.3, "weight_decay": 0.03},
    ),
    Case(
        "lamb",
        {"step": 0.02, **_SLOW, "epsilon_root": 0.3, "weight_decay": 0.03},
        "optax",
        "lamb",
        {"learning_rate": 0.02, **_THEIR_SLOW, "eps_root": 0.3, "weight_decay": 0.03},
    ),
    Case(
        "optimistic-adam",
        {"step": 0.03, **_SLOW, "epsilon_root": 0.3, "alpha": 0.7, "beta": 0.4},
        "optax",
        "optimistic_adam_v2",
        {"learning_rate": 0.03, "alpha": 0.7, "beta": 0.4, **_THEIR_SLOW, "eps_root": 0.3, "nesterov": False},
    ),
    Case("lamb", {"convention": "torch"}, "pytorch_optimizer", "Lamb", {}),
    Case(
        "lamb",
        {"step": 0.02, **_SLOW, "weight_decay": 0.03, "convention": "torch"},
        "pytorch_optimizer",
        "Lamb",
        {"lr": 0.02, "betas": [0.35, 0.6], "eps": 0.2, "weight_decay": 0.03},
    ),
    Case(
        "prodigy",
        {**_PRODIGY, "convention": "torch"},
        "pytorch_optimizer",
        "Prodigy",
        {
            "lr": 0.7,
            "betas": [0.35, 0.6],
            "eps": 0.2,
            "d0": 0.03,
            "d_coef": 0.8,
            "weight_decay": 0.02,
            "safeguard_warmup": True,
        },
    ),
    Case(
        "prodigy",
        {"step": 0.7, "safeguard_warmup": True, "convention": "optax"},
        "optax",
        "contrib.prodigy",
        {"learning_rate": 0.7, "safeguard_warmup": True},
    ),
    Case(
        "prodigy",
        {**_PRODIGY, "convention": "optax"},
        "optax",
        "contrib.prodigy",
        {
            "learning_rate": 0.7,
            "betas": [0.35, 0.6],
            "eps": 0.2,
            "estim_lr0": 0.03,
            "estim_lr_coef": 0.8,
            "weight_decay": 0.02,
            "safeguard_warmup": True,
        },
    ),
    Case(
        "schedule-free-sgd",
        {"epoch_power": 1.0, "convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeSGD",
        {"r": 1.0},
    ),
    Case(
        "schedule-free-sgd",
        {**_FREE, "convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeSGD",
        {"lr": 0.002, "momentum": 0.4, "weight_decay": 0.02, "warmup_steps": 20, "weight_lr_power": 0.7, "r": 1.3},
    ),
    Case(
        "schedule-free-adamw",
        {"epoch_power": 1.0, "convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeAdamW",
        {"r": 1.0},
        why=_ROOT,
        tolerance=1e-10,
    ),
    Case(
        "schedule-free-adamw",
        {**_FREE_ADAMW, "convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeAdamW",
        {
            "lr": 0.03,
            "betas": [0.4, 0.6],
            "eps": 0.2,
            "weight_decay": 0.02,
            "warmup_steps": 20,
            "weight_lr_power": 0.7,
            "r": 1.3,
        },
        why=_ROOT,
        tolerance=1e-10,
    ),
    Case(
        "swats",
        {"step": 0.03, **_SLOW, "nesterov": True},
        "pytorch_optimizer",
        "SWATS",
        {"lr": 0.03, "betas": [0.35, 0.6], "eps": 0.2, "nesterov": True},
        why=_SWITCH,
        tolerance=1e-10,
    ),
    Case(
        "aggmo",
        {"step": 1e-3, "betas": [0.2, 0.9]},
        "pytorch_optimizer",
        "AggMo",
        {"betas": [0.2, 0.9]},
    ),
    Case(
        "aggmo",
        {"step": 0.002, "betas": [0.83, 0.1, 0.6, 0.35]},
        "pytorch_optimizer",
        "AggMo",
        {"lr": 0.002, "betas": [0.83, 0.1, 0.6, 0.35]},
    ),
    _backtracking({"shrink": 0.8, "increase": 1.5}),
    _backtracking(
        {"step": 0.7, "shrink": 0.31, "c1": 0.3, "increase": 2.3},
        max_learning_rate=0.7,
        decrease_factor=0.31,
        slope_rtol=0.3,
        increase_factor=2.3,
    ),
]
