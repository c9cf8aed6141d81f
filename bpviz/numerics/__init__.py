"""Batch-invariant arithmetic: linear algebra, random numbers, line searches."""
