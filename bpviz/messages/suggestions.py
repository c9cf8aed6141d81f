"""Suggest names for misspelled ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# Common names for settings and keys. Only one spelling is accepted, so that configs stay comparable; the others lead to
# a suggestion.
SYNONYMS: Mapping[str, str] = {
    "lr": "step",
    "learning_rate": "step",
    "learningrate": "step",
    "eta": "step",
    "alpha": "step",
    "step_size": "step",
    "mu": "momentum",
    "beta": "momentum",
    "beta_1": "beta1",
    "b1": "beta1",
    "beta_2": "beta2",
    "b2": "beta2",
    "eps": "epsilon",
    "etaplus": "increase",
    "eta_plus": "increase",
    "etaminus": "decrease",
    "eta_minus": "decrease",
    "step_min": "min_step",
    "minstep": "min_step",
    "step_max": "max_step",
    "maxstep": "max_step",
    "tol": "tolerance",
    "xtol": "tolerance",
    "damping": "penalty",
    "penalty_const": "penalty",
    "history": "memory",
    "history_size": "memory",
    "memory_size": "memory",
    "maxcor": "memory",
    "radius": "step",
    "trust_radius": "step",
    "initial_trust_radius": "step",
    "max_radius": "max_step",
    "max_trust_radius": "max_step",
    "tolerance": "error_threshold",
    "threshold": "error_threshold",
    "epsilon_error": "error_threshold",
    "target_error": "error_threshold",
    "epochs": "max_epochs",
    "max_iter": "max_epochs",
    "max_iterations": "max_epochs",
    "maxiter": "max_epochs",
    "iterations": "max_epochs",
    "steps": "max_epochs",
    "n_epochs": "max_epochs",
    "initial": "start",
    "init": "start",
    "x0": "start",
    "w0": "start",
    "starts": "start",
    "data": "dataset",
    "model": "network",
    "neuron": "network",
    "function": "problem",
    "objective": "problem",
    "schedule": "with",
    "scheduler": "with",
    "wrapper": "with",
    "wrappers": "with",
    "optimizers": "algorithms",
    "optimizer": "algorithms",
    "algorithm": "algorithms",
    "plots": "figures",
    "file": "save_as",
    "filename": "save_as",
    "output": "save_as",
    "type": "kind",
    "cost": "loss",
    "error": "loss",
    "activation_function": "activation",
    "logistic": "sigmoid",
    "identity": "linear",
    "max": "at_most",
    "maximum": "at_most",
    "min": "at_least",
    "minimum": "at_least",
    "bce": "cross-entropy",
    "binary_cross_entropy": "cross-entropy",
    "log_loss": "cross-entropy",
    "l2": "mse",
    "l1": "mae",
}


def nearest(name: object, allowed: Iterable[str], synonyms: Mapping[str, str] = SYNONYMS) -> str | None:
    """Return the allowed word that ``name`` most likely stands for, or None."""
    words = list(allowed)
    if not isinstance(name, str) or len(name) > 100:
        return None
    folded = name.strip().lower()
    for guess in (folded, re.sub("[ _]", "-", folded), re.sub("[ -]", "_", folded)):
        meant = guess
        while meant in synonyms and meant not in words:  # tol is tolerance, or else error_threshold
            meant = synonyms[meant]
        if meant in words:
            return meant
        alike = [word for word in words if synonyms.get(word) == meant]  # optax's learning_rate for torch's lr
        if alike:
            return alike[0]
    import difflib  # slow to import, needed for mistakes only

    close = difflib.get_close_matches(folded, words, n=1, cutoff=0.6)
    return close[0] if close else None


_SEPARATOR = re.compile(r"(?<=\w)[-_ ]+(?=\w)")  # not the last character of irprop-


def fold_name(name: str) -> str:
    """Return a name without the case of letters and without separators: ``neldermead`` for ``Nelder_Mead``."""
    return _SEPARATOR.sub("", name.strip().casefold())


def common(name: str) -> str:
    """Return the word to which all synonyms of ``name`` lead: ``error_threshold`` for tol, xtol and tolerance."""
    while name in SYNONYMS:
        name = SYNONYMS[name]
    return name
