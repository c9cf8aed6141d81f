"""Messages: quoted values, suggestions, mistakes with file and line, and annotations for CI."""
