"""The tolerance of comparisons of computed numbers.

Processors and versions of NumPy round the last digits differently, so computed numbers are equal if they agree to nine
significant digits.
"""

DIGITS = 9
"""Significant digits that must agree."""

RELATIVE = 1e-9
"""Largest relative difference between equal numbers."""
