"""An experiment: what is run, what is expected of it, and running it."""
