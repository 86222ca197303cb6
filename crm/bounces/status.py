"""Status codes: RFC 3463 with the IANA registry, and the reply codes of SMTP (RFC 5321)."""

import re

from crm.bounces.words import Reason

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.:/-])([245][0-5]\d)(?=[ :-]|$)(?! bytes)")

# Subject and detail of an enhanced status code; the class says whether it lasts.
_MEANING = {
    "1.1": Reason.USER_UNKNOWN,
    "1.2": Reason.HOST_UNKNOWN,
    "1.3": Reason.USER_UNKNOWN,
    "1.4": Reason.SYSTEM,
    "1.6": Reason.MOVED,
    "1.7": Reason.REJECTED,
    "1.8": Reason.REJECTED,
    "1.9": Reason.SYSTEM,
    "1.10": Reason.NO_MAIL_HOST,
    "2.1": Reason.SUSPENDED,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_LARGE,
    "2.4": Reason.MAILER,
    "3.0": Reason.SYSTEM,
    "3.1": Reason.SYSTEM_FULL,
    "3.2": Reason.NOT_ACCEPTING,
    "3.3": Reason.SYSTEM,
    "3.4": Reason.TOO_LARGE,
    "3.5": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "4.1": Reason.EXPIRED,
    "4.2": Reason.NETWORK,
    "4.3": Reason.SYSTEM,
    "4.4": Reason.HOST_UNKNOWN,
    "4.5": Reason.SYSTEM,
    "4.6": Reason.NETWORK,
    "4.7": Reason.EXPIRED,
    "4.8": Reason.SYSTEM,
    "5.0": Reason.SYNTAX,
    "5.1": Reason.SYNTAX,
    "5.2": Reason.SYNTAX,
    "5.3": Reason.RATE_LIMITED,
    "5.4": Reason.SYNTAX,
    "5.5": Reason.SYNTAX,
    "5.6": Reason.SYNTAX,
    "6.0": Reason.NOT_COMPLIANT,
    "6.1": Reason.NOT_COMPLIANT,
    "6.2": Reason.NOT_COMPLIANT,
    "6.3": Reason.NOT_COMPLIANT,
    "6.4": Reason.NOT_COMPLIANT,
    "6.5": Reason.NOT_COMPLIANT,
    "6.6": Reason.NOT_COMPLIANT,
    "6.7": Reason.NOT_COMPLIANT,
    "6.8": Reason.NOT_COMPLIANT,
    "6.9": Reason.NOT_COMPLIANT,
    "6.10": Reason.NOT_COMPLIANT,
    "7.0": Reason.POLICY,
    "7.1": Reason.REJECTED,
    "7.2": Reason.REJECTED,
    "7.3": Reason.SECURITY,
    "7.4": Reason.SECURITY,
    "7.5": Reason.SECURITY,
    "7.6": Reason.SECURITY,
    "7.7": Reason.POLICY,
    "7.8": Reason.SECURITY,
    "7.9": Reason.POLICY,
    "7.10": Reason.SECURITY,
    "7.11": Reason.SECURITY,
    "7.12": Reason.SECURITY,
    "7.13": Reason.SUSPENDED,
    "7.14": Reason.SECURITY,
    "7.15": Reason.POLICY,
    "7.16": Reason.TOO_LARGE,
    "7.17": Reason.USER_UNKNOWN,
    "7.18": Reason.USER_UNKNOWN,
    "7.19": Reason.POLICY,
    "7.20": Reason.AUTHENTICATION,
    "7.21": Reason.AUTHENTICATION,
    "7.22": Reason.AUTHENTICATION,
    "7.23": Reason.AUTHENTICATION,
    "7.24": Reason.AUTHENTICATION,
    "7.25": Reason.NO_REVERSE_DNS,
    "7.26": Reason.AUTHENTICATION,
    "7.27": Reason.NOT_COMPLIANT,
    "7.28": Reason.RATE_LIMITED,
    "7.29": Reason.AUTHENTICATION,
    "7.30": Reason.SECURITY,
}
# Beyond the registry: details of three digits are a provider's own, within their subject; of
# security and policy all are.
_SUBJECTS = {"4": Reason.NETWORK, "7": Reason.POLICY}
_OWN = 100
# What a code of more than one meaning says where no words help.
_VAGUE = frozenset({"1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "7.1", "0.0", "4.7"})
_REPLY_MEANING = {
    "421": Reason.NETWORK,
    "450": Reason.ON_HOLD,
    "451": Reason.SYSTEM,
    "452": Reason.SYSTEM_FULL,
    "454": Reason.SECURITY,
    "500": Reason.SYNTAX,
    "501": Reason.SYNTAX,
    "502": Reason.SYNTAX,
    "503": Reason.SYNTAX,
    "504": Reason.SYNTAX,
    "521": Reason.NO_MAIL_HOST,
    "523": Reason.TOO_LARGE,
    "525": Reason.SUSPENDED,
    "530": Reason.SECURITY,
    "535": Reason.SECURITY,
    "552": Reason.MAILBOX_FULL,
    "556": Reason.NO_MAIL_HOST,
}
# What PowerMTA calls a refusal in a field of its own; its `other` says nothing.
_CATEGORIES = {
    "bad-configuration": Reason.SYSTEM,
    "bad-connection": Reason.NETWORK,
    "bad-domain": Reason.HOST_UNKNOWN,
    "bad-mailbox": Reason.USER_UNKNOWN,
    "content-related": Reason.SPAM,
    "inactive-mailbox": Reason.SUSPENDED,
    "invalid-sender": Reason.REJECTED,
    "message-expired": Reason.EXPIRED,
    "no-answer-from-host": Reason.NETWORK,
    "policy-related": Reason.POLICY,
    "protocol-errors": Reason.SYNTAX,
    "quota-issues": Reason.MAILBOX_FULL,
    "relaying-issues": Reason.RELAYING,
    "routing-errors": Reason.SYSTEM,
    "spam-related": Reason.SPAM,
    "virus-related": Reason.VIRUS,
}


def enhanced_in(text: str) -> str:
    """The first enhanced status code in a text that says more than “other”, else the first."""
    found = [f"{a}.{int(b)}.{int(c)}" for a, b, c in _ENHANCED.findall(text[:8_000])]
    return next((code for code in found if not is_vague(code)), found[0] if found else "")


def reply_in(text: str) -> str:
    """The first reply code of a refusal in a text, else the first of success."""
    found = _REPLY.findall(text[:8_000])
    return next((code for code in found if code[0] in "45"), found[0] if found else "")


def is_vague(code: str) -> bool:
    """Whether a status says hardly more than that something failed."""
    return code.partition(".")[2] in _VAGUE


def reason_of_status(code: str) -> Reason | None:
    """What an enhanced status code alone says."""
    _, _, rest = code.partition(".")
    subject, _, detail = rest.partition(".")
    is_own = subject == "7" or (bool(detail) and int(detail) >= _OWN)
    return _MEANING.get(rest) or (_SUBJECTS.get(subject) if is_own else None)


def is_about_the_way(code: str) -> bool:
    """Whether it is a provider's own code for network and routing (RFC 3463, X.4)."""
    _, _, rest = code.partition(".")
    subject, _, detail = rest.partition(".")
    return subject == "4" and bool(detail) and int(detail) >= _OWN


def reason_of_reply(reply: str) -> Reason | None:
    """What a reply code alone says."""
    return _REPLY_MEANING.get(reply)


def reason_of_category(category: str) -> Reason | None:
    """What the category alone says that the sending server put a refusal into."""
    return _CATEGORIES.get(category.strip().lower())
