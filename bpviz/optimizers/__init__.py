"""Update rules: one family a file, found by walking this folder."""
