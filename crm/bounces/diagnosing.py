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
# Types of what another server replied; others are a server's own words (X-Postfix, X-Unix).
_REPLIES = frozenset({"smtp", "lmtp"})
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", '"': " ", "\n": " ", "\t": " "})
# What words say that stand in every notice, or beside any refusal; codes tell more.
_ABOUT_ADDRESSES = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST})
# What a server says of an address that it knows.
_EXPLAINED = frozenset({Reason.SUSPENDED, Reason.MAILBOX_FULL, Reason.MOVED})
_NO_HOST = frozenset({Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST})
_UNREACHED = frozenset({Reason.NETWORK, Reason.EXPIRED})
# Codes by which there is nobody (RFC 3463, X.1), whenever they are given: LMTP answers after DATA.
_NOBODY = frozenset({"5.1.1", "5.1.10"})
# Codes by which the mailbox is there (RFC 3463, X.2) or the refusal is policy, and empty ones.
_CLOSED = frozenset({"5.2.0", "5.2.1"})
_THERE = _CLOSED | {"5.7.1"}
# What any filter says to give nothing away, unless it says of whom.
_HEARSAY = re.compile(r"(?:user unknown|recipient unknown|recipient not found)(?!:? @)")
_SILENT = frozenset({"5.0.0", "4.0.0"})
_WEAK = frozenset({Reason.EXPIRED, Reason.ON_HOLD, Reason.SYNTAX, Reason.SYSTEM, Reason.UNDEFINED})


def plain(diagnostic: str) -> str:
    """A diagnostic text without its type, made small, each address only “@”, spaces single."""
    text = addresses.without(diagnostic[:MAX_DIAGNOSTIC]).translate(_QUOTES).lower()
    return " ".join(_BEGINS.sub(" ^ ", _GOES_ON.sub(" ", text)).split())


def without_type(diagnostic: str) -> str:
    """A Diagnostic-Code field without the type before it (RFC 3464, 2.3.6)."""
    return _TYPE.sub("", diagnostic, count=1)


def quoted(diagnostic: str) -> str:
    """A Diagnostic-Code field as a text: the reply of another server, unless its type says else.

    By RFC 3464 (2.3.6) the field repeats what that server said, whether or not it shows its code.
    """
    kind, semicolon, _ = diagnostic.partition(";")
    said = without_type(diagnostic)
    is_reply = not semicolon or kind.strip().lower() in _REPLIES
    return f"^ {said}" if said and is_reply else said


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
    said = _without_hearsay(said, layers, code)
    # A host that refused for good did answer: then words and codes of the way there are vague.
    weak_ones = _WEAK | _UNREACHED if reply.startswith("5") else _WEAK
    telling = [x if x not in weak_ones else None for x in said]
    by_code = status.reason_of_status(code) if code and not status.is_vague(code) else None
    by_code, way = (None, by_code) if by_code in weak_ones & _UNREACHED else (by_code, None)
    # Policy that lasts says more than words that stand beside any refusal.
    by_policy = status.reason_of_status(code) if code.startswith("5.7.") else None
    around = next((reason for reason in telling[1:] if reason), None)
    weak = next((reason for reason in said if reason), None)
    reason = (
        next((one for one in (*telling[:1], by_code, around, way, by_policy, weak) if one), None)
        or status.reason_of_reply(reply)
        or status.reason_of_status(code)
    )
    if reason is None and reply.startswith("5"):
        # Refused for good, in words that nobody knows.
        return Reason.REJECTED
    if reason is None:
        return Reason.EXPIRED if action == "delayed" else Reason.UNDEFINED
    if (
        reason is Reason.USER_UNKNOWN
        and command != "MAIL"
        and not _is_proven(code, command, layers)
    ):
        return Reason.FILTERED
    return _corrected(reason, code, action, command)


def _without_hearsay(
    said: list[Reason | None], layers: Sequence[str], code: str
) -> list[Reason | None]:
    """What the layers say; bare “user unknown” gives way to what is explained beside it."""
    if not _EXPLAINED.intersection(said) or (code and code not in _SILENT | _THERE):
        return said
    return [
        None if reason is Reason.USER_UNKNOWN and not _says_plainly(plain(layer)) else reason
        for reason, layer in zip(said, layers, strict=True)
    ]


def _says_plainly(text: str) -> bool:
    """Whether a text still says that there is nobody without the words that every filter has."""
    return phrases.says_plainly(_HEARSAY.sub(" ", text), Reason.USER_UNKNOWN)


def _corrected(reason: Reason, code: str, action: str, command: str) -> Reason:
    """What was found, unless class or moment of the refusal prove it wrong."""
    if command == "MAIL" and reason in _ABOUT_ADDRESSES | _UNREACHED:
        return Reason.REJECTED
    if reason in _NO_HOST and (code.startswith("4") or action == "delayed"):
        return Reason.NETWORK
    return reason


def _is_proven(code: str, command: str, layers: Sequence[str]) -> bool:
    """Whether a server that says “unknown user” is to be believed.

    Filters say so too, to give nothing away. What was refused in answer to RCPT is unknown, unless
    words as vague as “recipient rejected” stand beside a code of policy; what was refused after
    DATA was known before. Where no command is told, a code of that class is proof. Without both,
    the words of whoever writes the notice are, if they say more than any filter does, as it knows
    its own mailboxes; a quoted reply only if it names the address.
    """
    if code in _NOBODY:
        return True
    if command == "DATA":
        return False
    if code and code not in _SILENT and not _is_policy(code):
        return True
    texts = (plain(layer) for layer in layers)
    closest = next((x for x in texts if phrases.reason_in(x) is Reason.USER_UNKNOWN), "")
    if command == "RCPT":
        return code in _SILENT | {""} or phrases.says_plainly(closest, Reason.USER_UNKNOWN)
    own, *replies = closest.split("^")
    if code and code not in _SILENT:
        # Where the code says that the mailbox is there, a name beside the words proves nothing.
        return _says_plainly(own.replace("@", "")) and code not in _CLOSED
    return _says_plainly(own) or any(_names_nobody(reply) for reply in replies)


def _is_policy(code: str) -> bool:
    """Whether a code says that the mailbox is there, or that a policy does not let us in."""
    knows_nobody = status.reason_of_status(code) is Reason.USER_UNKNOWN
    return code in _THERE or (code.startswith("5.7.") and not knows_nobody)


def _names_nobody(reply: str) -> bool:
    """Whether a reply names an address and says that there is nobody."""
    return "@" in reply and phrases.reason_in(reply) is Reason.USER_UNKNOWN
