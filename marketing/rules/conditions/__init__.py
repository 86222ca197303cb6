"""The kinds of segment condition, one module per subject."""
