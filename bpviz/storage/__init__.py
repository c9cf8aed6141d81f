"""Read files up to a size limit, write them atomically, hash their content."""
