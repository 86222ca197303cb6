"""What is wrong with a rule tree, where, and how to put it right."""


class RuleError(ValueError):
    """A rule tree that cannot be used; `path` says where and `fix` what to write instead."""

    def __init__(self, path: str, problem: str, fix: str) -> None:
        # A path may hold a key that nobody can print.
        path = path.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
        super().__init__(f"{path}: {problem} {fix}".strip())
        self.path = path
        self.problem = problem
        self.fix = fix
