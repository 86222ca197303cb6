"""What can go wrong with a template, told so that staff can mend it."""

SYNTAX = "syntax"
UNDEFINED = "undefined"
FORBIDDEN = "forbidden"
TOO_BIG = "too_big"
TOO_SLOW = "too_slow"
FAILED = "failed"


class RenderError(Exception):
    """A template or one rendering of it failed; `line` counts from 1, 0 where unknown.

    It is a line of `snippet` where one is named.
    """

    def __init__(
        self, reason: str, message: str, line: int = 0, part: str = "", snippet: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.line = line
        self.part = part
        self.snippet = snippet

    def __str__(self) -> str:
        snippet = f"snippet “{self.snippet}”" if self.snippet else ""
        line = f"line {self.line}" if self.line else ""
        place = " ".join(filter(None, [self.part, snippet, line]))
        return f"{place}: {self.message}" if place else self.message

    def placed(self, *, line: int = 0, part: str = "") -> "RenderError":
        """The same error with its place filled in where it was not known."""
        return RenderError(
            self.reason, self.message, self.line or line, self.part or part, self.snippet
        )


class PlainDataError(RenderError, TypeError):
    """Something other than plain data was given to a template: a mistake in our own code."""
