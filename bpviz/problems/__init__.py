"""Problems and datasets, one family per module; every module in this package is imported."""
