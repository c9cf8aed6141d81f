"""Record errors and gradients of 20 random networks, computed by torch in float64.

    pip install --group references
    python tests/references/record_networks.py

This script does not import bpviz. It writes ``networks.json`` (layers, loss, version of torch) and ``networks.npz``
(weights, features, targets, error and gradient of each network).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
NETWORKS = 20
HIDDEN = ("sigmoid", "tanh", "relu", "leaky-relu", "elu", "gelu", "softplus", "linear")
OUTPUT = {"binary-cross-entropy": "sigmoid", "categorical-cross-entropy": "softmax"}
LOSSES = ("mse", "half-mse", "mae", *OUTPUT)
RUNS = 2


def described(seed: int) -> dict[str, Any]:
    """Return the layers and the loss of a random network in which every layer has another width."""
    draw = np.random.default_rng(seed)
    loss = LOSSES[seed % len(LOSSES)]
    widths = [int(width) for width in draw.permutation(np.arange(2, 9))[: draw.integers(1, 4)]]
    last = int(draw.integers(3, 6)) if loss == "categorical-cross-entropy" else 1
    activations = [*draw.choice(HIDDEN, len(widths)).tolist(), OUTPUT.get(loss) or str(draw.choice(HIDDEN))]
    layers = [
        {"dense": width, "activation": activation, "bias": bool(draw.integers(2))}
        for width, activation in zip([*widths, last], activations, strict=True)
    ]
    samples = int(draw.integers(2, 20)) + 150 * (seed % 7 == 0)
    return {"inputs": int(draw.integers(1, 5)), "samples": samples, "layers": layers, "loss": loss}


def computed(seed: int, network: dict[str, Any]) -> dict[str, Any]:
    """Return weights, data, errors and gradients, ``RUNS`` of each."""
    import torch

    functions = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky-relu": torch.nn.functional.leaky_relu,
        "elu": torch.nn.functional.elu,
        "gelu": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
        "softplus": torch.nn.functional.softplus,
        "linear": lambda z: z,
    }
    draw = np.random.default_rng([seed, 1])
    features = draw.normal(size=(network["samples"], network["inputs"]))
    classes = network["layers"][-1]["dense"]
    targets = draw.integers(classes, size=len(features)) if classes > 1 else draw.uniform(size=len(features))
    sizes = [network["inputs"], *(layer["dense"] for layer in network["layers"])]
    params = sum((n + layer["bias"]) * layer["dense"] for n, layer in zip(sizes, network["layers"], strict=False))
    weights = draw.normal(size=(RUNS, params))
    errors, gradients = [], []
    for w in weights:
        flat = torch.tensor(w, requires_grad=True)
        a, first = torch.tensor(features), 0
        for n, layer in zip(sizes, network["layers"], strict=False):
            units = layer["dense"]
            a = a @ flat[first : first + n * units].reshape(units, n).T
            first += n * units
            if layer["bias"]:
                a = a + flat[first : first + units]
                first += units
            if layer is not network["layers"][-1]:
                a = functions[layer["activation"]](a)
        error = _error(network, functions, a, torch.tensor(targets))
        error.backward()
        errors.append(error.item())
        gradients.append(flat.grad.numpy())
    return {"w": weights, "x": features, "y": targets, "error": np.array(errors), "gradient": np.array(gradients)}


def _error(network: dict[str, Any], functions: dict[str, Any], z: Any, y: Any) -> Any:
    from torch.nn import functional

    loss = network["loss"]
    if loss == "categorical-cross-entropy":
        return functional.cross_entropy(z, y)
    if loss == "binary-cross-entropy":
        return functional.binary_cross_entropy_with_logits(z[:, 0], y)
    p = functions[network["layers"][-1]["activation"]](z[:, 0])
    if loss == "mae":
        return functional.l1_loss(p, y)
    return functional.mse_loss(p, y) * (0.5 if loss == "half-mse" else 1)


def main() -> None:
    import torch

    networks = [described(seed) for seed in range(NETWORKS)]
    arrays = {
        f"{seed}.{name}": array
        for seed, network in enumerate(networks)
        for name, array in computed(seed, network).items()
    }
    np.savez_compressed(HERE / "networks.npz", **arrays)
    recorded = {"torch": torch.__version__.partition("+")[0], "networks": networks}
    (HERE / "networks.json").write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
