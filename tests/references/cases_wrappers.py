"""Wrappers: schedules, clipping, weight decay and lookahead."""

from typing import Any

from record import Case

_STEP = 0.002
_GD = {"name": "gd", "step": _STEP}
_MOMENTUM = {"name": "momentum", "step": _STEP, "momentum": 0.8}
_ADAM = {"name": "adam", "step": 0.03, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
_SGD_MOMENTUM = {"name": "SGD", "arguments": {"lr": _STEP, "momentum": 0.8}}
_TORCH_ADAM = {"name": "Adam", "arguments": {"lr": 0.03, "betas": [0.35, 0.6], "eps": 0.2}}
_OPTAX_ADAM = {"name": "adam", "arguments": {"learning_rate": 0.03, "b1": 0.35, "b2": 0.6, "eps": 0.2}}

# torch's cycle peaks at pct_start · total_steps - 1: in 301 steps at 90, three tenths of the 300 from first to last
_CYCLE = {"epochs": 301.0, "rise": 0.3}
_TORCH_CYCLE = {"max_lr": _STEP, "total_steps": 301, "pct_start": 91 / 301, "cycle_momentum": False}
_DIVIDED = {"first": 0.2, "last": 0.02}
_DIVIDE = {"div_factor": 5.0, "final_div_factor": 10.0}
_DECAYED = "in torch and optax the decay applies to the weights before the update, and is multiplied by the step"


def _torch(rule: str, settings: dict[str, Any], name: str, **arguments: Any) -> Case:
    """Return the case of a schedule of torch around momentum."""
    name = f"lr_scheduler.{name}"
    return Case(rule, {"around": _MOMENTUM, **settings}, "torch", name, {"optimizer": _SGD_MOMENTUM, **arguments})


def _optax(rule: str, settings: dict[str, Any], name: str, single: bool = False, **arguments: Any) -> Case:
    """Return the case of a schedule of optax in its sgd with momentum; ``single`` if it is computed in float32."""
    schedule = {"name": name, "arguments": arguments}
    given = {"learning_rate": schedule, "momentum": 0.8}
    case = Case(rule, {"around": _MOMENTUM, **settings}, "optax", "sgd", given)
    return case._replace(tolerance=1e-6, why="optax computes this schedule in float32") if single else case


def _chain(rule: str, settings: dict[str, Any], around: dict[str, Any], *links: dict[str, Any]) -> Case:
    """Return the case of a chain of optax's transformations."""
    return Case(rule, {"around": around, **settings}, "optax", "chain", dict(zip("01", links, strict=True)))


CASES = [
    # -- schedules
    _optax("constant", {}, "constant_schedule", value=_STEP),
    _optax("constant", {"multiple": 0.37}, "constant_schedule", value=0.37 * _STEP),
    _torch("constant-warm-up", {"epochs": 5.0, "first": 1 / 3}, "ConstantLR"),
    _torch("constant-warm-up", {"epochs": 12.0, "first": 0.37}, "ConstantLR", factor=0.37, total_iters=12),
    _torch("warm-up", {"epochs": 5.0, "first": 1 / 3}, "LinearLR"),
    _torch("warm-up", {"epochs": 170.0, "first": 0.37}, "LinearLR", start_factor=0.37, total_iters=170),
    _optax(
        "warm-up",
        {"epochs": 170.0, "first": 0.37},
        "warmup_constant_schedule",
        single=True,
        init_value=0.37 * _STEP,
        peak_value=_STEP,
        warmup_steps=170,
    ),
    _torch("step-decay", {"decay": 0.1, "every": 50.0}, "StepLR", step_size=50),
    _torch("step-decay", {"decay": 0.83, "every": 7.0}, "StepLR", step_size=7, gamma=0.83),
    _optax(
        "step-decay",
        {"decay": 0.83, "every": 7.0},
        "exponential_decay",
        single=True,
        init_value=_STEP,
        transition_steps=7,
        decay_rate=0.83,
        staircase=True,
    ),
    _torch("exponential", {"decay": 0.97}, "ExponentialLR", gamma=0.97),
    _optax(
        "exponential",
        {"decay": 0.97},
        "exponential_decay",
        single=True,
        init_value=_STEP,
        transition_steps=1,
        decay_rate=0.97,
    ),
    _torch("cosine", {"epochs": 300.0}, "CosineAnnealingLR", T_max=300),
    _torch(
        "cosine",
        {"epochs": 70.0, "last": 0.13, "convention": "torch"},
        "CosineAnnealingLR",
        T_max=70,
        eta_min=0.13 * _STEP,
    ),
    _optax("cosine", {"epochs": 170.0}, "cosine_decay_schedule", init_value=_STEP, decay_steps=170),
    _optax(
        "cosine",
        {"epochs": 170.0, "last": 0.13},
        "cosine_decay_schedule",
        init_value=_STEP,
        decay_steps=170,
        alpha=0.13,
    ),
    _torch("warm-restarts", {"epochs": 30.0, "longer": 1.0}, "CosineAnnealingWarmRestarts", T_0=30),
    _torch(
        "warm-restarts",
        {"epochs": 7.0, "longer": 3.0, "last": 0.13},
        "CosineAnnealingWarmRestarts",
        T_0=7,
        T_mult=3,
        eta_min=0.13 * _STEP,
    ),
    _optax(
        "warm-restarts",
        {"epochs": 20.0, "longer": 2.0, "last": 0.13},
        "sgdr_schedule",
        cosine_kwargs=[
            {
                "init_value": _STEP,
                "peak_value": _STEP,
                "warmup_steps": 0,
                "decay_steps": steps,
                "end_value": 0.13 * _STEP,
            }
            for steps in (20, 40, 80, 160)
        ],
    ),
    _torch("one-cycle", {**_CYCLE, "shape": "cosine", "three_phase": False}, "OneCycleLR", **_TORCH_CYCLE),
    _torch("one-cycle", _CYCLE, "OneCycleLR", **_TORCH_CYCLE, anneal_strategy="linear", three_phase=True),
    _torch(
        "one-cycle",
        {**_CYCLE, "rise": 0.43, "three_phase": False},
        "OneCycleLR",
        **{**_TORCH_CYCLE, "pct_start": 130 / 301},
        anneal_strategy="linear",
    ),
    _torch(
        "one-cycle",
        {**_CYCLE, **_DIVIDED, "three_phase": False},
        "OneCycleLR",
        **_TORCH_CYCLE,
        **_DIVIDE,
        anneal_strategy="linear",
    ),
    _torch(
        "one-cycle",
        {**_CYCLE, **_DIVIDED, "shape": "cosine"},
        "OneCycleLR",
        **_TORCH_CYCLE,
        **_DIVIDE,
        three_phase=True,
    ),
    _optax(
        "one-cycle",
        {**_CYCLE, **_DIVIDED},
        "linear_onecycle_schedule",
        single=True,
        transition_steps=300,
        peak_value=_STEP,
        pct_start=0.3,
        pct_final=0.6,
        **_DIVIDE,
    ),
    _optax(
        "one-cycle",
        {**_CYCLE, **_DIVIDED, "shape": "cosine", "three_phase": False},
        "cosine_onecycle_schedule",
        single=True,
        transition_steps=300,
        peak_value=_STEP,
        pct_start=0.3,
        **_DIVIDE,
    ),
    # torch does not reduce a step by less than 1e-8; with a smallest step of 1e-6 this never happens
    _torch("reduce-on-plateau", {"smallest": 1e-6}, "ReduceLROnPlateau"),
    _torch(
        "reduce-on-plateau",
        {"decay": 0.63, "patience": 4.0, "threshold": 0.02, "cooldown": 3.0, "smallest": 0.01},
        "ReduceLROnPlateau",
        factor=0.63,
        patience=4,
        threshold=0.02,
        cooldown=3,
        min_lr=0.01 * _STEP,
        eps=0,
    ),
    _chain(
        "reduce-on-plateau",
        {"decay": 0.63, "patience": 4.0, "threshold": 0.02, "cooldown": 3.0, "smallest": 0.01},
        _MOMENTUM,
        {"name": "sgd", "arguments": {"learning_rate": _STEP, "momentum": 0.8}},
        {
            "name": "contrib.reduce_on_plateau",
            "arguments": {"factor": 0.63, "patience": 5, "rtol": 0.02, "cooldown": 3, "min_scale": 0.01},
        },
    ),
    # -- modified gradients
    Case(
        "clip-norm",
        {"around": _MOMENTUM, "largest": 0.7, "epsilon": 1e-6},
        "torch",
        "nn.utils.clip_grad_norm_",
        {"optimizer": _SGD_MOMENTUM, "max_norm": 0.7},
    ),
    Case(
        "clip-norm",
        {"around": _ADAM, "largest": 0.7, "epsilon": 1e-6},
        "torch",
        "nn.utils.clip_grad_norm_",
        {"optimizer": _TORCH_ADAM, "max_norm": 0.7},
    ),
    _chain(
        "clip-norm",
        {"largest": 0.7},
        _ADAM,
        {"name": "clip_by_global_norm", "arguments": {"max_norm": 0.7}},
        _OPTAX_ADAM,
    ),
    Case(
        "clip-value",
        {"around": _ADAM, "largest": 0.3},
        "torch",
        "nn.utils.clip_grad_value_",
        {"optimizer": _TORCH_ADAM, "clip_value": 0.3},
    ),
    _chain("clip-value", {"largest": 0.3}, _ADAM, {"name": "clip", "arguments": {"max_delta": 0.3}}, _OPTAX_ADAM),
    Case(
        "coupled-weight-decay",
        {"around": _MOMENTUM, "weight_decay": 0.3},
        "torch",
        "SGD",
        {"lr": _STEP, "momentum": 0.8, "weight_decay": 0.3},
    ),
    Case(
        "coupled-weight-decay",
        {"around": _ADAM, "weight_decay": 0.3},
        "torch",
        "Adam",
        {**_TORCH_ADAM["arguments"], "weight_decay": 0.3},
    ),
    _chain(
        "coupled-weight-decay",
        {"weight_decay": 0.3},
        _ADAM,
        {"name": "add_decayed_weights", "arguments": {"weight_decay": 0.3}},
        _OPTAX_ADAM,
    ),
    # -- modified updates
    Case(
        "weight-decay",
        {"around": {"name": "adam"}},
        "torch",
        "AdamW",
        {},
        why=_DECAYED,
    ),
    Case(
        "weight-decay",
        {"around": _ADAM, "weight_decay": 0.3},
        "torch",
        "AdamW",
        {**_TORCH_ADAM["arguments"], "weight_decay": 0.3},
        why=_DECAYED,
    ),
    Case(
        "weight-decay",
        {"around": _ADAM, "weight_decay": 0.3},
        "optax",
        "adamw",
        {**_OPTAX_ADAM["arguments"], "weight_decay": 0.3},
        why=_DECAYED,
    ),
    Case(
        "weight-decay",
        {"around": _MOMENTUM, "weight_decay": 0.3},
        "pytorch_optimizer",
        "SGDW",
        {"lr": _STEP, "momentum": 0.8, "weight_decay": 0.3, "weight_decouple": True},
        why=_DECAYED,
    ),
    Case(
        "weight-decay",
        {"around": {"name": "lion", "step": 0.003, "weight_decay": 0.0}, "weight_decay": 0.01, "convention": "paper"},
        "pytorch_optimizer",
        "Lion",
        {"lr": 0.003, "weight_decay": 0.01, "weight_decouple": True, "fixed_decay": True},
        why="a decay that is not multiplied by the step, as in the paper",
    ),
    Case("lookahead", {"around": _MOMENTUM}, "pytorch_optimizer", "Lookahead", {"optimizer": _SGD_MOMENTUM}),
    Case(
        "lookahead",
        {"around": _ADAM, "every": 3, "share": 0.23},
        "pytorch_optimizer",
        "Lookahead",
        {"optimizer": _TORCH_ADAM, "k": 3, "alpha": 0.23},
    ),
    Case(
        "lookahead",
        {"around": _ADAM, "every": 3, "share": 0.23},
        "optax",
        "lookahead",
        {"fast_optimizer": _OPTAX_ADAM, "sync_period": 3, "slow_step_size": 0.23},
    ),
    Case(
        "lookahead",
        {"around": _GD, "every": 7, "share": 0.7},
        "optax",
        "lookahead",
        {
            "fast_optimizer": {"name": "sgd", "arguments": {"learning_rate": _STEP}},
            "sync_period": 7,
            "slow_step_size": 0.7,
        },
    ),
]
