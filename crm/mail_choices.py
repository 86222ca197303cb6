"""Words of mailboxes and of what comes back to them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MailProtocol(models.TextChoices):
    """How a mailbox is read."""

    IMAP = "imap", "IMAP"
    POP3 = "pop3", "POP3"


class MailSecurity(models.TextChoices):
    """How the way to a mailbox is kept secret."""

    TLS = "tls", _("TLS from the start")
    STARTTLS = "starttls", _("TLS by STARTTLS")
    NONE = "none", _("None (only within one machine)")


class AfterTaking(models.TextChoices):
    """What becomes of a mail in its mailbox once it is taken."""

    KEEP = "keep", _("Stays there")
    MOVE = "move", _("Moved to a folder")
    DELETE = "delete", _("Deleted")


class ReturnedState(models.TextChoices):
    """Whether a mail that came back could be taken in."""

    TAKEN = "taken", _("Taken in")
    PUT_ASIDE = "put_aside", _("Put aside")


class ReturnedKind(models.TextChoices):
    """What a mail that came to us says of a mail of ours."""

    HARD = "hard_bounce", _("Hard bounce")
    SOFT = "soft_bounce", _("Soft bounce")
    BLOCK = "block", _("Block")
    FULL = "mailbox_full", _("Mailbox full")
    DELIVERED = "delivered", _("Delivered")
    COMPLAINT = "complaint", _("Complaint")
    AUTO_REPLY = "auto_reply", _("Automatic reply")
    RECEIPT = "read_receipt", _("Read receipt")
    NOTHING = "nothing", _("None of these")


class ReturnedDeed(models.TextChoices):
    """What was done for a mail that came to us."""

    NONE = "none", _("Nothing")
    SETTLED = "settled", _("Message settled")
    ADDRESS_CLOSED = "address_closed", _("Address closed")
    CLOSED_FOR_A_WHILE = "closed_for_a_while", _("Address closed for a while")
    COMPLAINT_HEARD = "complaint_heard", _("Address closed and consent withdrawn")
    UNSUBSCRIBED = "unsubscribed", _("Consent withdrawn")
    CONVERSATION = "conversation", _("Put into the conversation")


class SigningAlgorithm(models.TextChoices):
    """How a key signs mails."""

    RSA = "rsa-sha256", "RSA-2048"
    ED25519 = "ed25519-sha256", "Ed25519"


class SigningKeyState(models.TextChoices):
    """How far a key that signs mails has come."""

    PLANNED = "planned", _("To be published")
    PUBLISHED = "published", _("Seen in DNS")
    ACTIVE = "active", _("Signs")
    RETIRED = "retired", _("Retired")
