"""Documents with marked blocks, filled with tables and figures."""
