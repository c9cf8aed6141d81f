"""bpviz: see and compare optimizers."""

__version__ = "0.1.0"
