"""Why a mail came back: words first, then status codes, then reply codes, then the action."""

import re
from collections.abc import Sequence

from crm.bounces import accents, addresses, phrases, proof, status
from crm.bounces.words import Reason

MAX_DIAGNOSTIC = 4_000
_ENHANCED = r"[245]\.\d{1,3}\.\d{1,3}"
_GOES_ON = re.compile(rf"\b[245]\d\d-(?:{_ENHANCED}[ :-]{{0,3}})?|\(?#{_ENHANCED}\)?")
_BEGINS = re.compile(rf"\b[245]\d\d(?: |: |, )(?:{_ENHANCED}[ :-]{{0,3}})?")
_TYPE = re.compile(r"^\s{0,9}[\w.-]{1,40};\s{0,9}")
# Types of what another server replied; others are a server's own words (X-Postfix, X-Unix).
_REPLIES = frozenset({"smtp", "lmtp"})
# How qmail tells of the session around a reply: no reasons, but when it was refused (phases.py).
_STAGE = re.compile(
    r"(?:connected to \S{1,80} but (?:sender was rejected|greeting failed|my name was rejected)"
    r"|\S{1,80} does not like recipient"
    r"|\S{1,80} failed (?:after i sent the message|on data command)"
    r"|giving up on [\d.]{7,15})\.?",
)
_PARAGRAPH = re.compile(r"\n[ \t\r]{0,40}\n\s{0,200}")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", '"': " ", "\n": " ", "\t": " "})
# What words say that stand in every notice, or beside any refusal; codes tell more.
_ABOUT_ADDRESSES = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST})
_ARRIVED = frozenset({"delivered", "relayed", "expanded"})
# What a server says of an address that it knows.
_EXPLAINED = frozenset({Reason.SUSPENDED, Reason.MAILBOX_FULL, Reason.MOVED})
_NO_HOST = frozenset({Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST})
_UNREACHED = frozenset({Reason.NETWORK, Reason.EXPIRED})
_WEAK = frozenset({Reason.EXPIRED, Reason.ON_HOLD, Reason.SYNTAX, Reason.SYSTEM, Reason.UNDEFINED})


def plain(diagnostic: str) -> str:
    """A diagnostic text without its type and accents, made small, each address only “@”."""
    text = addresses.without(diagnostic[:MAX_DIAGNOSTIC])
    text = _PARAGRAPH.sub(f" {phrases.PARAGRAPH} ", text).translate(_QUOTES).lower()
    text = accents.without(text)
    return " ".join(_BEGINS.sub(" ^ ", _GOES_ON.sub(" ", _STAGE.sub(" ", text))).split())


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
    *,
    layers: Sequence[str],
    code: str,
    reply: str,
    action: str,
    command: str = "",
    category: str = "",
) -> Reason:
    """Why one recipient was not reached.

    `layers` are texts, the closest to the refusal first. The closest text tells most, then a
    status code that says more than “other”, then what the sending server calls it, then the texts
    around, then what is left.
    """
    if action in _ARRIVED or (code.startswith("2") and reply[:1] not in {"4", "5"}):
        return Reason.DELIVERED
    texts = [plain(layer) for layer in layers]
    said = _without_hearsay([phrases.reason_in(text) for text in texts], texts, code)
    by_category = status.reason_of_category(category)
    reason = _weighed(said, code, reply, by_category)
    if reason is None and reply.startswith("5"):
        # Refused for good, in words that nobody knows.
        return Reason.REJECTED
    if reason is None:
        return Reason.EXPIRED if action == "delayed" else Reason.UNDEFINED
    is_vouched = by_category is reason and command != "DATA"
    if reason is Reason.USER_UNKNOWN and command != "MAIL" and not is_vouched:
        reason = reason if proof.is_proven(code, command, texts) else Reason.FILTERED
    return _corrected(reason, code, action, command)


def _weighed(
    said: list[Reason | None], code: str, reply: str, by_category: Reason | None
) -> Reason | None:
    """What words and codes say, the surest first."""
    # A host that refused for good did answer: then words and codes of the way there are vague.
    weak_ones = _WEAK | _UNREACHED if reply.startswith("5") else _WEAK
    telling = [x if x not in weak_ones else None for x in said]
    by_code, way = _of_code(code, said[0], weak_ones)
    if status.is_about_the_way(code) and telling[0] not in _ABOUT_ADDRESSES:
        telling[0] = by_code or way  # who reached nobody was refused by nobody
    # Policy that lasts says more than words that stand beside any refusal.
    by_policy = status.reason_of_status(code) if code.startswith("5.7.") else None
    around = next((reason for reason in telling[1:] if reason), None)
    # What stands around a refusal for good, as “I have given up”, stands in any notice.
    close = said[:1] if reply.startswith("5") else said
    weak = next((reason for reason in close if reason), None)
    weighed = (*telling[:1], by_code, by_category, around, way, by_policy, weak)
    return (
        next((reason for reason in weighed if reason), None)
        or status.reason_of_reply(reply)
        or status.reason_of_status(code)
    )


def _of_code(
    code: str, said: Reason | None, weak_ones: frozenset[Reason]
) -> tuple[Reason | None, Reason | None]:
    """What a status code says: if it says much, and if it says little."""
    reason = status.reason_of_status(code) if code and not status.is_vague(code) else None
    if reason in weak_ones & _UNREACHED:
        return None, reason
    if reason in _ABOUT_ADDRESSES and code.startswith("4"):
        return None, said or reason  # not found for now: what is said beside it tells more
    return reason, None


def _without_hearsay(
    said: list[Reason | None], texts: Sequence[str], code: str
) -> list[Reason | None]:
    """What the layers say; bare “user unknown” gives way to what is explained beside it."""
    if not _EXPLAINED.intersection(said) or (code and code not in proof.SILENT | proof.THERE):
        return said
    return [
        None if reason is Reason.USER_UNKNOWN and not proof.says_plainly(text) else reason
        for reason, text in zip(said, texts, strict=True)
    ]


def _corrected(reason: Reason, code: str, action: str, command: str) -> Reason:
    """What was found, unless class or moment of the refusal prove it wrong."""
    if command == "MAIL" and reason in _ABOUT_ADDRESSES | _UNREACHED:
        return Reason.REJECTED
    if reason in _NO_HOST and (code.startswith("4") or action == "delayed"):
        return Reason.NETWORK
    return reason
