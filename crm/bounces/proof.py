"""Whether a server that says “unknown user” is to be believed.

Filters say so too, to give nothing away. Texts are plain ones, as diagnosing makes them: small,
each address “@”, the beginning of a reply “^”.
"""

import re
from collections.abc import Sequence

from crm.bounces import phrases, status
from crm.bounces.words import Reason

# Codes that say nothing.
SILENT = frozenset({"5.0.0", "4.0.0"})
# Codes by which there is nobody (RFC 3463, X.1), whenever they are given: LMTP answers after DATA.
_NOBODY = frozenset({"5.1.1", "5.1.10"})
# Codes by which the mailbox is there (RFC 3463, X.2) or the refusal is policy, and empty ones.
_CLOSED = frozenset({"5.2.0", "5.2.1"})
THERE = _CLOSED | {"5.7.1"}
# What any filter says to give nothing away, unless it says of whom.
_HEARSAY = re.compile(r"(?:user unknown|recipient unknown|recipient not found)(?!:? @)")
# Replies that a provider documents as “there is nobody”, at whatever stage it gives them.
_DOCUMENTED = (
    # Yahoo.
    re.compile(r"delivery error: dd this user doesn't have an? "),
    re.compile(r"requested mail action aborted, mailbox not found"),
    # Mail.ru, which says so after the mail was sent.
    re.compile(r"invalid mailbox\. local mailbox @ is unavailable: user not found"),
    # Tencent, Mimecast and Google, each with the page that explains it.
    re.compile(r"mailbox not found.{0,40}service\.mail\.qq\.com"),
    re.compile(r"invalid recipient.{0,20}community\.mimecast\.com"),
    re.compile(r"does not exist.{0,200}p=nosuchuser"),
)


def says_plainly(text: str) -> bool:
    """Whether a text says that there is nobody without the words that every filter has."""
    return phrases.says_plainly(_HEARSAY.sub(" ", text), Reason.USER_UNKNOWN)


def is_proven(code: str, command: str, texts: Sequence[str]) -> bool:
    """Whether the code, the refused command or the words vouch for an unknown user.

    What was refused in answer to RCPT is unknown, unless words as vague as “recipient rejected”
    stand beside a code of policy; what was refused after DATA was known before. Where no command
    is told, a code of that class is proof. Without both, the words of whoever writes the notice
    are, if they say more than any filter does, as it knows its own mailboxes; a quoted reply only
    if it names the address. Words around a reply only retell it.
    """
    closest = next((x for x in texts if phrases.reason_in(x) is Reason.USER_UNKNOWN), "")
    if code in _NOBODY or any(reply.search(closest) for reply in _DOCUMENTED):
        return True
    if command == "DATA":
        return False
    says_more = code not in SILENT | {""}
    if says_more and not _is_policy(code):
        return True
    if command == "RCPT":
        return not says_more or phrases.says_plainly(closest, Reason.USER_UNKNOWN)
    return _speaks(closest, code, says_more=says_more)


def _speaks(closest: str, code: str, *, says_more: bool) -> bool:
    """Whether words vouch where no command is told."""
    own, *replies = closest.split("^")
    if says_more:
        # Where the code says that the mailbox is there, a name beside the words proves nothing.
        return says_plainly(own.replace("@", "")) and code not in _CLOSED
    if not replies:
        return says_plainly(own)
    return any(_names_nobody(reply) for reply in replies)


def _is_policy(code: str) -> bool:
    """Whether a code says that the mailbox is there, or that a policy does not let us in."""
    knows_nobody = status.reason_of_status(code) is Reason.USER_UNKNOWN
    return code in THERE or (code.startswith("5.7.") and not knows_nobody)


def _names_nobody(reply: str) -> bool:
    """Whether a reply names an address and says that there is nobody."""
    return "@" in reply and phrases.reason_in(reply) is Reason.USER_UNKNOWN
