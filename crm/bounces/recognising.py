"""What sort of mail it is by its headers and first words: a notice, or just a mail."""

import re

from crm.bounces import addresses, answers, failing, phrases, status
from crm.bounces.diagnosing import plain
from crm.bounces.mime import Mail
from crm.bounces.words import Reason

_SYSTEM_NAMES = (
    "mail delivery",
    "mailer-daemon",
    "mailer daemon",
    "postmaster",
    "post_master",
    "post-master",
    "delivery subsystem",
    "delivery system",
    "mail system",
    "system administrator",
    "mail administrator",
    "mail deliver",
    "mail.delivery",
    "mdaemon",
    "mail server",
    "mail-daemon",
    "content-filter",
)
# What people's names begin with too is one of a server by the address alone.
_SYSTEM_ADDRESS = re.compile(
    r"(?:ndr|bounces?|mdaemon|post[-_]?master|mail(?:er)?[-_.]?(?:daemon|delivery)|content-filter)"
    r"(?:[-+=._].*)?"
)
_SERVERS = ("mail deliver", "mailer-daemon", "mailer daemon", "delivery subsystem")


_DELAYS = (
    "delayed mail",
    "(delay)",
    "delay reason",
    "has been delayed",
    "was delayed",
    "is delayed",
    "message delayed",
    "mail delayed",
    "still being retried",
    "not yet been delivered",
    "could not send message for past",
    "will be retried",
    "will continue to try",
    "you do not need to resend",
    "transient non-fatal",
    "warning message only",
)


_REASONS = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.MAILBOX_FULL})
_ARRIVED_SUBJECTS = (
    "successful mail delivery",
    "return receipt",
    "delivery notification: delivery has been successful",
    "delivery status notification (relay)",
    "delivery status notification (success)",
    "delivered:",
    "successfully delivered",
)
_ARRIVED = (
    "successful delivery notifications",
    "was successfully delivered",
    "has been successfully delivered",
    "have been successfully delivered",
    "delivery has been successful",
    "successfully relayed",
    "successfully delivered to",
)
# A reply with the code of RFC 3463 that belongs to it: words in any language may follow.
_REFUSAL = re.compile(r"\b(?:4\d\d[ -]4|5\d\d[ -]5)\.\d\.\d{1,3}\b")
_FINAL = ("permanent error", "failed permanently", "given up", "giving up", "fatal errors")


def has_failure_subject(mail: Mail) -> bool:
    """Whether its subject says that a mail did not arrive."""
    return failing.is_told_in_subject(mail.header("subject"))


def has_failure_words(text: str) -> bool:
    """Whether its first words say that a mail did not arrive."""
    return failing.is_told_in(text)


def is_from_a_system(mail: Mail) -> bool:
    """Whether a mail server wrote it: by its name, its address, or the empty return path."""
    sender = mail.header("from").lower()
    return any(name in sender for name in _SYSTEM_NAMES) or is_from_a_server(mail)


def is_from_a_server(mail: Mail) -> bool:
    """Whether a mail server wrote it beyond doubt: people too are called “System” or “Bounce”."""
    return _is_servers(mail) or mail.header("return-path").strip() == "<>"


def answers_for_a_person(mail: Mail) -> bool:
    """Whether it answers a mail by itself, and no mail server does so by its name."""
    sender = mail.header("from").lower()
    is_named = any(name in sender for name in _SYSTEM_NAMES) or _is_servers(mail)
    return answers.is_automatic_reply(mail) and answers.is_told(mail) and not is_named


def _is_servers(mail: Mail) -> bool:
    sender = mail.header("from").lower()
    found = addresses.first_in(sender)
    is_one = _SYSTEM_ADDRESS.fullmatch(found.partition("@")[0]) is not None
    return is_one or addresses.is_system(found) or any(name in sender for name in _SERVERS)


def quotes_a_refusal(text: str) -> bool:
    """Whether it quotes the answer of a mail server that refused."""
    if _REFUSAL.search(text[:6_000]):
        return True
    return bool(status.reply_in(text)[:1] in {"4", "5"} and phrases.reason_in(plain(text)))


def tells_of_arrival(mail: Mail, text: str) -> bool:
    """Whether a mail server says in free words that a mail arrived."""
    subject = mail.header("subject").lower()
    small = " ".join(text[:3_000].lower().split())
    if not is_from_a_system(mail) or any(words in small for words in (*_FINAL, "not delivered")):
        return False
    told = any(words in subject for words in _ARRIVED_SUBJECTS)
    return told or any(words in small for words in _ARRIVED)


def tells_a_reason(text: str) -> bool:
    """Whether a short text says why a mail could not arrive."""
    return len(text) < 2_000 and phrases.reason_in(plain(text)) in _REASONS


def is_delay(subject: str, text: str) -> bool:
    """Whether it only warns: the mail is still being tried."""
    small = " ".join(text[:3_000].lower().split())
    if any(words in subject.lower() for words in (*_DELAYS, "delayed", "warning")):
        return True
    is_final = any(words in small for words in _FINAL)
    return not is_final and any(words in small for words in _DELAYS)
