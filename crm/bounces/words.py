"""The words of bounces: what kind of news a mail is, why, and whom it is about."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a mail that came back means for the address it is about."""

    HARD = "hard_bounce"
    SOFT = "soft_bounce"
    BLOCK = "block"
    FULL = "mailbox_full"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    RECEIPT = "read_receipt"
    NOTHING = "nothing"


class Reason(StrEnum):
    """Why a mail came back, finer than its kind."""

    USER_UNKNOWN = "user_unknown"
    HOST_UNKNOWN = "host_unknown"
    MOVED = "moved"
    NO_MAIL_HOST = "no_mail_host"
    MAILBOX_FULL = "mailbox_full"
    SUSPENDED = "suspended"
    FILTERED = "filtered"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    REPUTATION = "reputation"
    NO_REVERSE_DNS = "no_reverse_dns"
    AUTHENTICATION = "authentication"
    SPAM = "spam"
    VIRUS = "virus"
    POLICY = "policy"
    RELAYING = "relaying"
    NOT_COMPLIANT = "not_compliant"
    SECURITY = "security"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_LARGE = "too_large"
    EXPIRED = "expired"
    NETWORK = "network"
    NOT_ACCEPTING = "not_accepting"
    SYSTEM_FULL = "system_full"
    SYSTEM = "system"
    MAILER = "mailer"
    SYNTAX = "syntax"
    ON_HOLD = "on_hold"
    UNDEFINED = "undefined"
    DELIVERED = "delivered"
    FEEDBACK = "feedback"
    VACATION = "vacation"
    DISPLAYED = "displayed"


_KINDS = {
    Kind.HARD: (Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.MOVED, Reason.NO_MAIL_HOST),
    Kind.FULL: (Reason.MAILBOX_FULL,),
    Kind.BLOCK: (
        Reason.FILTERED,
        Reason.REJECTED,
        Reason.BLOCKED,
        Reason.REPUTATION,
        Reason.NO_REVERSE_DNS,
        Reason.AUTHENTICATION,
        Reason.SPAM,
        Reason.VIRUS,
        Reason.POLICY,
        Reason.RELAYING,
        Reason.NOT_COMPLIANT,
        Reason.SECURITY,
    ),
    Kind.DELIVERED: (Reason.DELIVERED,),
    Kind.COMPLAINT: (Reason.FEEDBACK,),
    Kind.AUTO_REPLY: (Reason.VACATION,),
    Kind.RECEIPT: (Reason.DISPLAYED,),
}
_KIND_OF = {reason: kind for kind, reasons in _KINDS.items() for reason in reasons}
# The gravest first: a mail about several people is called after what is worst.
GRAVITY = (
    Kind.COMPLAINT,
    Kind.HARD,
    Kind.BLOCK,
    Kind.FULL,
    Kind.SOFT,
    Kind.AUTO_REPLY,
    Kind.RECEIPT,
    Kind.DELIVERED,
    Kind.NOTHING,
)


def kind_of(reason: Reason) -> Kind:
    """The kind that a reason belongs to; whatever may pass by itself is soft."""
    return _KIND_OF.get(reason, Kind.SOFT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one recipient; what the mail does not say is empty."""

    address: str
    reason: Reason
    action: str = ""
    status: str = ""
    reply: str = ""
    diagnostic: str = ""
    original_address: str = ""
    remote_host: str = ""

    @property
    def kind(self) -> Kind:
        """What it means for the address."""
        return kind_of(self.reason)


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail says happened to whom, and the marks to find our message by.

    `returned_to` are the addresses that the mail itself was sent to, where a signed return path
    may stand; `message_ids` those of the returned original, then those it refers to.
    """

    kind: Kind
    outcomes: tuple[Outcome, ...] = ()
    returned_to: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    envelope_id: str = ""
    feedback_type: str = ""
    reporter: str = ""

    @property
    def is_bounce(self) -> bool:
        """Whether it tells that a mail did not arrive, or not yet."""
        return self.kind in {Kind.HARD, Kind.SOFT, Kind.BLOCK, Kind.FULL}
