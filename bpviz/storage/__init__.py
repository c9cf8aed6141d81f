"""Files: read with a limit, written whole, hashed."""
