"""What every update rule must satisfy, as checks; and whether two rules are equivalent."""
