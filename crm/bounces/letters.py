"""Ordinary mails: who wrote what, in answer to which mail, and whether a program did."""

from dataclasses import dataclass

from crm.bounces import addresses, answers, mime, recognising

MAX_TEXT = 50_000
# What lists and programs send, which nobody waits for an answer to (RFC 3834, RFC 2919).
_LISTED = ("list-id", "list-unsubscribe", "feedback-id")
_PRECEDENCE = frozenset({"bulk", "list", "junk"})


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that somebody wrote to us."""

    sender: str
    subject: str
    text: str
    message_id: str
    is_automatic: bool


def letter_in(raw: bytes) -> Letter:
    """Read a mail as a letter; any bytes at all give one."""
    mail = mime.read(raw)
    # What was written stands first; a text after a page is a file that came with it.
    kinds = {"text/plain", "text/html"}
    texts = (one.text for one in mail.parts if one.media_type in kinds and one.text.strip())
    return Letter(
        sender=addresses.first_in(mail.header("from")),
        subject=mail.header("subject")[:998],
        text=next(texts, "").strip()[:MAX_TEXT],
        message_id=mail.header("message-id").strip("<> ")[:200],
        is_automatic=_is_automatic(mail),
    )


def _is_automatic(mail: mime.Mail) -> bool:
    submitted = mail.header("auto-submitted").lower().partition(";")[0].strip()
    return (
        submitted not in {"", "no"}
        or answers.is_automatic_reply(mail)
        or recognising.is_from_a_server(mail)
        or mail.header("precedence").lower().strip() in _PRECEDENCE
        or any(mail.header(name) for name in _LISTED)
    )
