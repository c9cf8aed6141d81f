"""Arithmetic that is the same for one run and for many: linear algebra, random numbers, line searches."""
