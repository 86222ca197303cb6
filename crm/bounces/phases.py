"""When a server refused: after which SMTP command, as far as a notice tells."""

import re

_MAX_TEXT = 16_000
_MAIL = (
    "in reply to mail from",
    "after mail from",
    "after pipelined mail from",
    "in response to mail from",
    "but sender was rejected",
    "did not like our mail from",
    "[mail_from]",
    "for mail from command",
    "smtp error, mail from",
    "command 'mail from",
    "mail from failed",
)
_REFUSED_MAIL = re.compile(r">>> mail from:[^\n]{0,300}\n\s{0,9}<<< [45]")
_RCPT = (
    ">>> rcpt",
    "--> rcpt",
    "<<< rcpt",
    "rcpt command",
    "rcpt to command",
    "rcpt to failed",
    "command 'rcpt",
    "for rcpt to",
    "during rcpt",
    "does not like recipient",
    "did not like our rcpt to",
    "rcpt to:",
    "smtp:rcpt",
    "smtp command rcpt",
    "in reply to rcpt to",
    "after rcpt to",
    "in response to rcpt to",
    "[rcpt_to]",
    "smtpaddressfailedexception",
    # Google counts the steps of a session.
    "(state 13)",
    "(state 14)",
)
_DATA = (
    "smtp command data",
    "end of data",
    "end_of_data",
    "text command",
    "data command",
    "command 'data",
    "transfer of mail text",
    # Coremail.
    "smtp error, data",
    "smtp error, dot",
    "in reply to data",
    "in response to data",
    "after data:",
    # qmail and what came of it.
    "failed on data command",
    "failed after i sent the message",
    # DragonFly.
    "did not like our data",
    "did not like our final data",
    # Yahoo.
    "[body]",
    "(state 15)",
    "(state 16)",
    "(state 17)",
    "(state 18)",
)
# A line of a session: which command was sent, or which reply it got.
_LINE = re.compile(
    r"^[\s|]{0,20}(?:sent |received )?(?:>>>|<<<|-->|<--)\s{0,9}(mail|rcpt|data\b|[245]\d\d)",
    re.MULTILINE,
)
# Replies that RFC 5321 (4.3.2) knows for MAIL and RCPT and for nothing later; which of the two is
# told by whom the words are about.
_EARLY_REPLIES = frozenset({"551", "553"})


def command_in(text: str) -> str:
    """The SMTP command that was refused, MAIL, RCPT or DATA, or nothing where none is told.

    A refusal of MAIL is about the sender; one of DATA is about what the mail says, as the
    recipient was taken before.
    """
    small = text[:_MAX_TEXT].lower()
    single = " ".join(small.split())
    if any(mark in single for mark in _MAIL) or _REFUSED_MAIL.search(small):
        return "" if ">>> rcpt" in small else "MAIL"
    if any(mark in single for mark in _DATA):
        return "DATA"
    return _in_session(small) or ("RCPT" if any(mark in single for mark in _RCPT) else "")


def _in_session(text: str) -> str:
    """The command before the first refusal in a session that is told line by line."""
    before, rest = "", ""
    for match in _LINE.finditer(text):
        if not match[1].isdigit():
            before = match[1]
        elif before and match[1][0] in "45":
            rest = text[match.end() :]
            break
    if before != "data" or not rest:
        return "RCPT" if before == "rcpt" else ""
    # With pipelining DATA is sent before RCPT is answered; then nobody is left for it.
    nobody = any(word in rest for word in ("<<< 503", "<<< 554", "need rcpt", "no valid"))
    return "RCPT" if nobody else "DATA"


def command_of(reply: str) -> str:
    """The command that a reply code belongs to, where it belongs to one alone."""
    return "RCPT" if reply in _EARLY_REPLIES else ""
