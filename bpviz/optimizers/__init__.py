"""Update rules, one family per module; every module in this package is imported."""
