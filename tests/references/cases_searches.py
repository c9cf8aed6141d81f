"""SciPy's conjugate gradients: unchanged, and with SciPy's ``line_search`` as their search."""

from record import Case

CASES = [
    Case("cg-pr", {"c2": 0.4}, "scipy", "CG by line_search", {"gtol": 0}),
    Case("cg-pr", {"c1": 0.05, "c2": 0.2}, "scipy", "CG by line_search", {"c1": 0.05, "c2": 0.2, "gtol": 0}),
    Case("cg-pr", {"c2": 0.4}, "scipy", "CG", {}, why="SciPy tries Moré and Thuente's search first", parts=1),
]
