"""Networks of dense layers: their declaration, forward pass, derivatives and initial weights."""
