"""What may be wrong with the machine, said to a person."""


class RuntimeProblem(Exception):  # noqa: N818
    """One clear sentence that says what is wrong and what to do about it."""
