"""Why a mail came back: words first, then status codes, then reply codes, then the action."""

import re
from collections.abc import Sequence

from crm.bounces import addresses, phrases, status
from crm.bounces.words import Reason

MAX_DIAGNOSTIC = 4_000
_ENHANCED = r"[245]\.\d{1,3}\.\d{1,3}"
_GOES_ON = re.compile(rf"\b[245]\d\d-(?:{_ENHANCED}[ :-]{{0,3}})?|\(?#{_ENHANCED}\)?")
_BEGINS = re.compile(rf"\b[245]\d\d(?: |: )(?:{_ENHANCED}[ :-]{{0,3}})?")
_TYPE = re.compile(r"^\s{0,9}[\w.-]{1,40};\s{0,9}")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", '"': " ", "\n": " ", "\t": " "})
# What words say that stand in every notice, or beside any refusal; codes tell more.
_ABOUT_ADDRESSES = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST})
_AFTER_MAIL = ("in reply to mail from", "after mail from", "in response to mail from")
_REFUSED_MAIL = re.compile(r">>> mail from:[^\n]{0,300}\n\s{0,9}<<< [45]")
_AFTER_RCPT = (
    ">>> rcpt",
    "--> rcpt",
    "<<< rcpt",
    "rcpt command",
    "does not like recipient",
    "rcpt to:",
    "smtp:rcpt",
    "smtp command rcpt",
    "in reply to rcpt to",
    "after rcpt to",
    "in response to rcpt to",
    "[rcpt_to]",
)
_AFTER_DATA = ("smtp command data", "end of data", "text command")
_NO_HOST = frozenset({Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST})
# Codes by which the mailbox is there (RFC 3463, X.2) or the refusal is policy, and empty ones.
_THERE = frozenset({"5.2.0", "5.2.1", "5.7.1"})
_SILENT = frozenset({"5.0.0", "4.0.0"})
_WEAK = frozenset({Reason.EXPIRED, Reason.ON_HOLD, Reason.SYNTAX, Reason.SYSTEM, Reason.UNDEFINED})


def plain(diagnostic: str) -> str:
    """A diagnostic text without its type, made small, each address only “@”, spaces single."""
    text = addresses.without(diagnostic[:MAX_DIAGNOSTIC]).translate(_QUOTES).lower()
    return " ".join(_BEGINS.sub(" ^ ", _GOES_ON.sub(" ", text)).split())


def without_type(diagnostic: str) -> str:
    """A Diagnostic-Code field without the type before it (RFC 3464, 2.3.6)."""
    return _TYPE.sub("", diagnostic, count=1)


def command_in(text: str) -> str:
    """The SMTP command that was refused, MAIL, RCPT or DATA, or nothing where none is told.

    A refusal of MAIL is about the sender; one of DATA is about what the mail says, as the
    recipient was taken before.
    """
    small = text[:16_000].lower()
    single = " ".join(small.split())
    if any(mark in single for mark in _AFTER_MAIL) or _REFUSED_MAIL.search(small):
        return "" if ">>> rcpt" in small else "MAIL"
    if any(mark in single for mark in _AFTER_DATA):
        return "DATA"
    if any(mark in single for mark in _AFTER_RCPT):
        return "RCPT"
    _, data, rest = small.partition(">>> data")
    # With pipelining DATA is sent before RCPT is answered; then nobody is left for it.
    was_rcpt = any(word in rest for word in ("<<< 503", "<<< 554", "need rcpt", "no valid"))
    return ("RCPT" if was_rcpt else "DATA") if data else ""


def reason_for(
    *, layers: Sequence[str], code: str, reply: str, action: str, command: str = ""
) -> Reason:
    """Why one recipient was not reached.

    `layers` are texts, the closest to the refusal first. The closest text tells most, then a
    status code that says more than “other”, then the texts around, then what is left.
    """
    if action in {"delivered", "relayed", "expanded"}:
        return Reason.DELIVERED
    if code.startswith("2") and reply[:1] not in {"4", "5"}:
        return Reason.DELIVERED
    said = [phrases.reason_in(plain(layer)) for layer in layers]
    telling = [x if x not in _WEAK else None for x in said]
    by_code = status.reason_of_status(code) if code and not status.is_vague(code) else None
    around = next((reason for reason in telling[1:] if reason), None)
    weak = next((reason for reason in said if reason), None)
    reason = (
        next((one for one in (*telling[:1], by_code, around, weak) if one), None)
        or status.reason_of_reply(reply)
        or status.reason_of_status(code)
    )
    if reason is None:
        return Reason.EXPIRED if action == "delayed" else Reason.UNDEFINED
    names_somebody = any("@" in plain(layer) for layer in layers[:2])
    is_proven = _is_proven(code, command, is_vouched=names_somebody or not reply)
    if reason is Reason.USER_UNKNOWN and command != "MAIL" and not is_proven:
        return Reason.FILTERED
    return _corrected(reason, code, action, command)


def _corrected(reason: Reason, code: str, action: str, command: str) -> Reason:
    """What was found, unless class or moment of the refusal prove it wrong."""
    if command == "MAIL" and reason in _ABOUT_ADDRESSES:
        return Reason.REJECTED
    if reason in _NO_HOST and (code.startswith("4") or action == "delayed"):
        return Reason.NETWORK
    return reason


def _is_proven(code: str, command: str, *, is_vouched: bool) -> bool:
    """Whether a server that says “unknown user” is to be believed.

    Filters say so too, to give nothing away. What was refused in answer to RCPT is unknown; what
    was refused after DATA was known before. Where no command is told, a code by which the mailbox
    is there speaks against it, and a reply without a code is to name whom it does not know.
    """
    if command in {"RCPT", "DATA"}:
        return command == "RCPT"
    if code in _THERE:
        return False
    return bool(code and code not in _SILENT) or is_vouched
