"""Words for people: how a message quotes a value, joins words, guesses what was meant and fits a terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# What people type for the names used here. One spelling is accepted, so that configs stay comparable; the others are
# suggested.
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
    "bce": "cross-entropy",
    "binary_cross_entropy": "cross-entropy",
    "log_loss": "cross-entropy",
    "l2": "mse",
    "l1": "mae",
}


def shown(value: object) -> str:
    """Return a value as an error message quotes it: short, on one line, text in quotes, YAML's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = repr(value) if isinstance(value, str) else f"{value}"
    return text if len(text) <= 60 else text[:40] + "..." + text[-10:]


def nearest(name: object, allowed: Iterable[str], synonyms: Mapping[str, str] = SYNONYMS) -> str | None:
    """Return the allowed word somebody most likely meant by ``name``, or None."""
    words = list(allowed)
    if not isinstance(name, str) or len(name) > 100:
        return None
    folded = name.strip().lower()
    for guess in (folded, re.sub("[ _]", "-", folded), re.sub("[ -]", "_", folded)):
        meant = guess
        while meant in synonyms and meant not in words:  # tol is tolerance, or error_threshold where there is none
            meant = synonyms[meant]
        if meant in words:
            return meant
        alike = [word for word in words if synonyms.get(word) == meant]  # torch's lr for optax's learning_rate
        if alike:
            return alike[0]
    import difflib  # only when something is wrong

    close = difflib.get_close_matches(folded, words, n=1, cutoff=0.6)
    return close[0] if close else None


def common(name: str) -> str:
    """Return the word that all have in common who mean the same: ``error_threshold`` for tol, xtol and tolerance."""
    while name in SYNONYMS:
        name = SYNONYMS[name]
    return name


def twice(names: Sequence[str]) -> str | None:
    """Return the first name that comes again, if only in other letters: some file systems do not tell upper from lower
    case."""
    times = Counter(map(str.casefold, names))
    return next((name for name in names if times[name.casefold()] > 1), None)


def listed(words: Iterable[str], last: str = "or") -> str:
    """Join words as a sentence does: ``a``, ``a or b``, ``a, b or c``."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: two for a wide character, none for an accent on another."""
    if text.isascii():
        return len(text)
    import unicodedata  # its tables are large, and few texts need them

    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me") for c in text)
