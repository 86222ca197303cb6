"""What a mail server answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server."""

    code: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether the server agreed, or waits for more."""
        return 200 <= self.code < 400

    @property
    def is_done(self) -> bool:
        """Whether the server agreed, and waits for nothing."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class SmtpRefused(Exception):  # noqa: N818 - it names what happened
    """The server answered, but with a refusal."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class SignInRefused(SmtpRefused):
    """The server does not let us in."""
