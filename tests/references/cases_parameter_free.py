"""Parameter-free rules, and schedule-free ones."""

from record import Case

_PRODIGY = {
    "step": 0.7,
    "beta1": 0.35,
    "beta2": 0.6,
    "epsilon": 0.2,
    "first_distance": 0.03,
    "coefficient": 0.8,
    "weight_decay": 0.02,
}
_PRODIGY_TORCH = {
    "lr": 0.7,
    "betas": [0.35, 0.6],
    "eps": 0.2,
    "d0": 0.03,
    "d_coef": 0.8,
    "weight_decay": 0.02,
}
_PRODIGY_OPTAX = {
    "learning_rate": 0.7,
    "betas": [0.35, 0.6],
    "eps": 0.2,
    "estim_lr0": 0.03,
    "estim_lr_coef": 0.8,
    "weight_decay": 0.02,
}
_ADAM = {
    "step": 0.7,
    "beta1": 0.35,
    "beta2": 0.6,
    "epsilon": 0.2,
    "first_distance": 0.03,
    "weight_decay": 0.02,
}
_ADAM_TORCH = {
    "lr": 0.7,
    "betas": [0.35, 0.6],
    "eps": 0.2,
    "d0": 0.03,
    "weight_decay": 0.02,
    "weight_decouple": True,
}
_FREE = {"step": 0.002, "momentum": 0.4, "weight_decay": 0.02}
_FREE_ADAMW = {"step": 0.03, "beta1": 0.4, "beta2": 0.6, "epsilon": 0.2, "weight_decay": 0.02}

_SINGLE = "pytorch_optimizer computes the length of the first gradient in float32"
_BIAS = "optax always corrects the bias of both means"
_ROOT = "pytorch_optimizer adds 1e-15 under the root as well, which shows where gradients are small"
_START = "in code the start does not count in the mean"
_LATE = "in optax's warm-up z moves by the step of the update before, the first time by 0"
_READ_X = "contrib.schedule_free_eval_params"

CASES = [
    # Prodigy
    Case("prodigy", {"convention": "torch"}, "pytorch_optimizer", "Prodigy", {}),
    Case("prodigy", {**_PRODIGY, "convention": "torch"}, "pytorch_optimizer", "Prodigy", _PRODIGY_TORCH),
    Case(
        "prodigy",
        {**_PRODIGY, "convention": "optax"},
        "pytorch_optimizer",
        "Prodigy",
        {**_PRODIGY_TORCH, "bias_correction": True},
    ),
    Case(
        "prodigy",
        {**_PRODIGY, "coefficient": 0.8 * 0.7, "convention": "torch"},
        "pytorch_optimizer",
        "Prodigy",
        {**_PRODIGY_TORCH, "safeguard_warmup": True},
        why="without lr in s, the distance that is found is lr times the other",
    ),
    Case(
        "prodigy",
        {},
        "pytorch_optimizer",
        "Prodigy",
        {},
        why="the paper damps by d ε with the d before the update, its authors' code with the d after it",
        parts=2,
    ),
    Case("prodigy", {"convention": "optax"}, "optax", "contrib.prodigy", {}),
    Case("prodigy", {**_PRODIGY, "convention": "optax"}, "optax", "contrib.prodigy", _PRODIGY_OPTAX),
    Case("prodigy", {"convention": "torch"}, "optax", "contrib.prodigy", {}, why=_BIAS, parts=1),
    # D-Adaptation
    Case("dadapt-sgd", {}, "pytorch_optimizer", "DAdaptSGD", {}, why=_SINGLE, tolerance=1e-6),
    Case(
        "dadapt-sgd",
        {"step": 0.4, "momentum": 0.8, "first_distance": 0.03},  # values at which float32 does not overflow
        "pytorch_optimizer",
        "DAdaptSGD",
        {"lr": 0.4, "momentum": 0.8, "d0": 0.03},
        why=_SINGLE,
        tolerance=1e-6,
    ),
    Case("dadapt-adam", {"convention": "torch"}, "pytorch_optimizer", "DAdaptAdam", {}),
    Case("dadapt-adam", {**_ADAM, "convention": "torch"}, "pytorch_optimizer", "DAdaptAdam", _ADAM_TORCH),
    Case(
        "dadapt-adam",
        {**_ADAM, "convention": "optax"},
        "pytorch_optimizer",
        "DAdaptAdam",
        {**_ADAM_TORCH, "bias_correction": True},
    ),
    Case(
        "dadapt-adam",
        {},
        "pytorch_optimizer",
        "DAdaptAdam",
        {},
        why="the paper divides by the root mean square that has seen the gradient, its authors' code by the one before",
        parts=3,
    ),
    Case("dadapt-adam", {"convention": "optax"}, "optax", "contrib.dadapt_adamw", {}),
    Case(
        "dadapt-adam",
        {**_ADAM, "convention": "optax"},
        "optax",
        "contrib.dadapt_adamw",
        {"learning_rate": 0.7, "betas": [0.35, 0.6], "eps": 0.2, "estim_lr0": 0.03, "weight_decay": 0.02},
    ),
    Case("dadapt-adam", {"convention": "torch"}, "optax", "contrib.dadapt_adamw", {}, why=_BIAS, parts=1),
    # DoG and DoWG
    Case("dog", {"epsilon": 1e-8}, "optax", "contrib.dog", {}),
    Case(
        "dog",
        {"step": 0.7, "epsilon": 0.2, "first_distance": 0.03},
        "optax",
        "contrib.dog",
        {"learning_rate": 0.7, "eps": 0.2, "init_step": ["heuristic", 0.03]},
    ),
    Case(
        "dog",
        {"step": 0.7, "epsilon": 0.2, "first_distance": 0.03, "first_distance_is": "absolute"},
        "optax",
        "contrib.dog",
        {"learning_rate": 0.7, "eps": 0.2, "init_step": ["distance", 0.03]},
    ),
    Case(
        "dog",
        {"step": 0.7, "epsilon": 0.2, "first_distance": 0.0003, "first_distance_is": "step"},
        "optax",
        "contrib.dog",
        {"learning_rate": 0.7, "eps": 0.2, "init_step": ["learning_rate", 0.0003]},
    ),
    Case("dog", {}, "optax", "contrib.dog", {"eps": 0.0}),
    Case("dowg", {"epsilon": 1e-4}, "optax", "contrib.dowg", {}),
    Case(
        "dowg",
        {"step": 0.7, "epsilon": 0.2, "first_distance": 0.25},
        "optax",
        "contrib.dowg",
        {"learning_rate": 0.7, "eps": 0.2, "init_estim_sq_dist": 0.0625},
    ),
    Case("dowg", {}, "optax", "contrib.dowg", {"eps": 0.0, "init_estim_sq_dist": 1e-4}),
    # COCOB
    Case("cocob", {"epsilon": 1e-8}, "optax", "contrib.cocob", {}),
    Case("cocob", {"alpha": 7.0, "epsilon": 0.2}, "optax", "contrib.cocob", {"alpha": 7.0, "eps": 0.2}),
    # Schedule-free descent: optax's x, then y as torch's parameters are
    Case(
        "schedule-free-sgd",
        {"convention": "torch"},
        "optax",
        "contrib.schedule_free_sgd",
        {},
        reads=_READ_X,
    ),
    Case(
        "schedule-free-sgd",
        {**_FREE, "convention": "torch"},
        "optax",
        "contrib.schedule_free_sgd",
        {"learning_rate": 0.002, "b1": 0.4, "weight_decay": 0.02},
        reads=_READ_X,
    ),
    Case(
        "schedule-free-sgd",
        {**_FREE, "convention": "torch", "reports": "y"},
        "optax",
        "contrib.schedule_free_sgd",
        {"learning_rate": 0.002, "b1": 0.4, "weight_decay": 0.02},
    ),
    Case(
        "schedule-free-sgd",
        {**_FREE},
        "optax",
        "contrib.schedule_free_sgd",
        {"learning_rate": 0.002, "b1": 0.4, "weight_decay": 0.02},
        reads=_READ_X,
        why=_START,
        parts=1,
    ),
    Case(
        "schedule-free-sgd",
        {**_FREE, "warmup": 20, "convention": "torch"},
        "optax",
        "contrib.schedule_free_sgd",
        {"learning_rate": 0.002, "b1": 0.4, "weight_decay": 0.02, "warmup_steps": 20},
        reads=_READ_X,
        why=_LATE,
        parts=1,
    ),
    Case(
        "schedule-free-sgd",
        {"convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeSGD",
        {},
    ),
    Case(
        "schedule-free-sgd",
        {**_FREE, "warmup": 20, "power": 0.7, "convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeSGD",
        {"lr": 0.002, "momentum": 0.4, "weight_decay": 0.02, "warmup_steps": 20, "weight_lr_power": 0.7},
    ),
    Case(
        "schedule-free-adamw",
        {"convention": "torch"},
        "optax",
        "contrib.schedule_free_adamw",
        {},
        reads=_READ_X,
    ),
    Case(
        "schedule-free-adamw",
        {**_FREE_ADAMW, "convention": "torch"},
        "optax",
        "contrib.schedule_free_adamw",
        {"learning_rate": 0.03, "b1": 0.4, "b2": 0.6, "eps": 0.2, "weight_decay": 0.02},
        reads=_READ_X,
    ),
    Case(
        "schedule-free-adamw",
        {**_FREE_ADAMW, "convention": "torch", "reports": "y"},
        "optax",
        "contrib.schedule_free_adamw",
        {"learning_rate": 0.03, "b1": 0.4, "b2": 0.6, "eps": 0.2, "weight_decay": 0.02},
    ),
    Case(
        "schedule-free-adamw",
        {},
        "optax",
        "contrib.schedule_free_adamw",
        {},
        reads=_READ_X,
        why="the paper corrects the step, by which points are weighed, and adds ε to the raw v; optax corrects v",
        parts=1,
    ),
    Case(
        "schedule-free-adamw",
        {"convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeAdamW",
        {},
        why=_ROOT,
        tolerance=1e-10,
    ),
    Case(
        "schedule-free-adamw",
        {**_FREE_ADAMW, "warmup": 20, "power": 0.7, "convention": "torch", "reports": "y"},
        "pytorch_optimizer",
        "ScheduleFreeAdamW",
        {
            "lr": 0.03,
            "betas": [0.4, 0.6],
            "eps": 0.2,
            "weight_decay": 0.02,
            "warmup_steps": 20,
            "weight_lr_power": 0.7,
        },
        why=_ROOT,
        tolerance=1e-10,
    ),
]
