"""marketing understands customers, and at its root wires the project."""
