"""The words of crm: channels, purposes and the states that its rows can be in."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """The medium a message travels by."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")


class Purpose(models.TextChoices):
    """What a message is for; consent is given per channel and purpose."""

    MARKETING = "marketing", _("Marketing")
    TRANSACTIONAL = "transactional", _("Transactional")
    CONVERSATION = "conversation", _("Conversation")


class IdentityKind(models.TextChoices):
    """What sort of handle an identity is."""

    EXTERNAL = "external", _("Customer number")
    EMAIL = "email", _("E-mail address")
    PHONE = "phone", _("Phone number")
    ANONYMOUS = "anonymous", _("Anonymous id")


class ConsentState(models.TextChoices):
    """What a customer decided."""

    GRANTED = "granted", _("Granted")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class DecisionSource(models.TextChoices):
    """Where a decision about consent came from."""

    SIGN_UP = "sign_up", _("Sign-up form")
    CHECKOUT = "checkout", _("Checkout")
    IMPORT = "import", _("Import")
    API = "api", _("API")
    ONE_CLICK = "one_click", _("One-click unsubscribe")
    PREFERENCES = "preferences", _("Preference page")
    KEYWORD = "keyword", _("Reply keyword")
    STAFF = "staff", _("Staff")
    COMPLAINT = "complaint", _("Complaint")


class SuppressionReason(models.TextChoices):
    """Why an address is not to be written to."""

    HARD_BOUNCE = "hard_bounce", _("Hard bounce")
    COMPLAINT = "complaint", _("Complaint")
    INVALID = "invalid", _("Invalid address")
    STAFF = "staff", _("Staff")


class Refusal(models.TextChoices):
    """Why the gate does not let a message to a customer through."""

    NO_ADDRESS = "no_address", _("No address for this channel")
    NO_CONSENT = "no_consent", _("No consent")
    UNSUBSCRIBED = "unsubscribed", _("Consent withdrawn")
    SUPPRESSED = "suppressed", _("Address suppressed")
    PAUSED = "paused", _("Marketing paused for this person")


class OrderState(models.TextChoices):
    """How an order stands."""

    PLACED = "placed", _("Placed")
    CANCELLED = "cancelled", _("Cancelled")
    REFUNDED = "refunded", _("Refunded")


class Direction(models.TextChoices):
    """Who said it."""

    OUT = "out", _("From us")
    IN = "in", _("From the customer")


class Author(models.TextChoices):
    """What kind of author wrote a message."""

    CAMPAIGN = "campaign", _("Campaign")
    STAFF = "staff", _("Staff")
    BOT = "bot", _("Bot")
    CUSTOMER = "customer", _("Customer")


class MessageState(models.TextChoices):
    """How a message fared."""

    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    BOUNCED = "bounced", _("Bounced")
    COMPLAINED = "complained", _("Complained")
    FAILED = "failed", _("Failed")
    IN_DOUBT = "in_doubt", _("In doubt")
    RECEIVED = "received", _("Received")


class FailureReason(models.TextChoices):
    """Why a message failed, bounced or is in doubt."""

    REJECTED = "rejected", _("Refused by the provider")
    DEFERRED = "deferred", _("Put off by the provider")
    UNREACHABLE = "unreachable", _("Provider not reachable")
    UNDELIVERABLE = "undeliverable", _("Undeliverable")
    HARD_BOUNCE = "hard_bounce", _("Hard bounce")
    SOFT_BOUNCE = "soft_bounce", _("Soft bounce")
    COMPLAINT = "complaint", _("Complaint")
    RENDER_ERROR = "render_error", _("The template could not be rendered")
    NEVER_HANDED_OVER = "never_handed_over", _("A worker stopped before handing it over")
    CONNECTION_LOST = "connection_lost", _("The connection was lost before an answer came")
    WORKER_LOST = "worker_lost", _("A worker stopped while handing it over")
    NOT_ALLOWED = "not_allowed", _("Held back by consent or suppression")
    UNKNOWN = "unknown", _("Unknown")


class ConversationState(models.TextChoices):
    """How a conversation stands."""

    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")


class Handler(models.TextChoices):
    """Who answers in a conversation."""

    BOT = "bot", _("Bot")
    STAFF = "staff", _("Staff")


class CallbackState(models.TextChoices):
    """How the processing of a provider's callback stands."""

    RECEIVED = "received", _("Received")
    PROCESSED = "processed", _("Processed")
    FAILED = "failed", _("Failed")


class ApiScope(models.TextChoices):
    """What a key of the API may do."""

    READ = "read", _("Read customers and their history")
    WRITE = "write", _("Write customers, events, orders and products")


class ImportState(models.TextChoices):
    """How an import stands."""

    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
