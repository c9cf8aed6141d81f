"""Build output folders, keep them up to date, compare them and check them for drift."""
