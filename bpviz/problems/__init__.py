"""Problems and datasets: one family a file, found by walking this folder."""
