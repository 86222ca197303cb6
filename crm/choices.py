"""The words of crm: channels, purposes and the states that its rows can be in."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    """The medium a message travels by."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")
    PUSH = "push", _("Web push")
    WEBHOOK = "webhook", _("Webhook")


class Purpose(models.TextChoices):
    """What a message is for; consent is given per channel and purpose."""

    MARKETING = "marketing", _("Marketing")
    NEWSLETTER = "newsletter", _("Newsletter")
    SURVEY = "survey", _("Surveys")
    TRANSACTIONAL = "transactional", _("Transactional")
    CONVERSATION = "conversation", _("Conversation")

    @property
    def needs_consent(self) -> bool:
        """Whether nothing may be sent for it unless the customer allowed it."""
        return self not in {Purpose.TRANSACTIONAL, Purpose.CONVERSATION}


class IdentityKind(models.TextChoices):
    """What sort of handle an identity is, the most trusted first."""

    EXTERNAL = "external", _("Customer number")
    EMAIL = "email", _("E-mail address")
    PHONE = "phone", _("Phone number")
    WHATSAPP = "whatsapp", _("WhatsApp id")
    TELEGRAM = "telegram", _("Telegram id")
    WEBCHAT = "webchat", _("Web chat id")
    ANONYMOUS = "anonymous", _("Anonymous id")
    PUSH = "push", _("Push subscription")


class ConsentState(models.TextChoices):
    """What a customer decided."""

    GRANTED = "granted", _("Granted")
    PENDING = "pending", _("Waits for confirmation")
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
    CONFIRMATION = "confirmation", _("Confirmed by link")
    PROVIDER = "provider", _("Told by the provider")


class SuppressionReason(models.TextChoices):
    """Why an address is not to be written to."""

    HARD_BOUNCE = "hard_bounce", _("Hard bounce")
    COMPLAINT = "complaint", _("Complaint")
    INVALID = "invalid", _("Invalid address")
    STAFF = "staff", _("Staff")
    ERASED = "erased", _("Asked to be erased")


class Refusal(models.TextChoices):
    """Why the gate does not let a message to a customer through."""

    NO_ADDRESS = "no_address", _("No address for this channel")
    NO_CONSENT = "no_consent", _("No consent")
    NOT_CONFIRMED = "not_confirmed", _("Consent not confirmed yet")
    UNSUBSCRIBED = "unsubscribed", _("Consent withdrawn")
    SUPPRESSED = "suppressed", _("Address suppressed")
    PAUSED = "paused", _("Marketing paused for this person")


class OrderState(models.TextChoices):
    """How an order stands."""

    PLACED = "placed", _("Placed")
    CANCELLED = "cancelled", _("Cancelled")
    REFUNDED = "refunded", _("Refunded")


class SourceKind(models.TextChoices):
    """What the HTML of a template is written in."""

    HTML = "html", _("HTML")
    MJML = "mjml", _("MJML")


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
    SYSTEM = "system", _("Sent by itself")


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
    RATE_LIMITED = "rate_limited", _("The provider asked for a pause")
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
    STOPPED = "stopped", _("Stopped before it was handed over")
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
    TRACK = "track", _("Send events by the tracking API (a write key)")
    PERSONAL = "personal", _("See personal data unmasked")
    MANAGE = "manage", _("Imports, exports, privacy requests and webhooks")


class ImportState(models.TextChoices):
    """How an import stands."""

    UPLOADED = "uploaded", _("Uploaded")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class RejectReason(models.TextChoices):
    """Why a row of an import is not taken."""

    COLUMNS = "columns", _("More or fewer cells than headings")
    NO_IDENTITY = "no_identity", _("No customer number, e-mail address or phone")
    BAD_EMAIL = "bad_email", _("E-mail address that cannot be right")
    BAD_PHONE = "bad_phone", _("Phone number that cannot be right")
    BAD_COUNTRY = "bad_country", _("Country that is not known")
    BAD_LANGUAGE = "bad_language", _("Language that is not known")
    BAD_TIME_ZONE = "bad_time_zone", _("Time zone that is not known")
    BAD_DATE = "bad_date", _("Date that cannot be read, or in two ways")
    BAD_NUMBER = "bad_number", _("Not a number")
    BAD_BOOLEAN = "bad_boolean", _("Neither yes nor no")
    BAD_CONSENT = "bad_consent", _("Consent that is neither yes nor no")
    UNPROVEN_CONSENT = "unproven_consent", _("Consent without a source and a date")
    TOO_LONG = "too_long", _("Text that is too long")
    BAD_LETTER = "bad_letter", _("A letter that cannot be stored")
    REFUSED = "refused", _("Refused by the customer record")


class ExportState(models.TextChoices):
    """How an export stands."""

    PLANNED = "planned", _("Planned")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Deleted")


class AttributeType(models.TextChoices):
    """What sort of value an attribute holds."""

    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    DATE = "date", _("Date")
    BOOLEAN = "boolean", _("Yes or no")
    CHOICE = "choice", _("One of a list")
    MULTI_CHOICE = "multi_choice", _("Some of a list")
    MONEY = "money", _("Money")


class AttributeState(models.TextChoices):
    """Whether staff have taken an attribute on."""

    SEEN = "seen", _("Seen, to be adopted")
    ADOPTED = "adopted", _("Adopted")
    IGNORED = "ignored", _("Ignored")


class MergeCause(models.TextChoices):
    """Why two customers became one."""

    SIGNED_IN = "signed_in", _("An anonymous visitor signed in")
    STAFF = "staff", _("Staff")
    API = "api", _("API")


class CandidateReason(models.TextChoices):
    """Why two customers may be one person."""

    SAME_EMAIL = "same_email", _("Same e-mail address")
    SAME_PHONE = "same_phone", _("Same phone number")
    SIMILAR_NAME = "similar_name", _("Similar name and address")
    TYPO_EMAIL = "typo_email", _("E-mail addresses differ by a typo")


class CandidateState(models.TextChoices):
    """What became of a pair of possible duplicates."""

    OPEN = "open", _("To be decided")
    MERGED = "merged", _("Merged")
    DISMISSED = "dismissed", _("Two people")


class PrivacyKind(models.TextChoices):
    """What somebody asks about their data."""

    EXPORT = "export", _("A copy of the data")
    ERASURE = "erasure", _("Erasure")


class PrivacyState(models.TextChoices):
    """How a privacy request stands."""

    RECEIVED = "received", _("Received")
    CONFIRMED = "confirmed", _("Confirmed, to be done")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")


class RetainedKind(models.TextChoices):
    """What retention rules delete when it is old."""

    EVENTS = "events", _("Events")
    MESSAGES = "messages", _("What messages said")
    CALLBACKS = "callbacks", _("Callbacks of providers")
    CAUGHT_MAIL = "caught_mail", _("Mail in the outbox")
    REJECTED_EVENTS = "rejected_events", _("Rejected events")
    ANONYMOUS = "anonymous", _("Anonymous visitors who did not come back")
    ACCESS = "access", _("Who saw what")


class AccessKind(models.TextChoices):
    """What staff or a program did with personal data."""

    VIEWED = "viewed", _("Looked at")
    SEARCHED = "searched", _("Searched for")
    EXPORTED = "exported", _("Exported")
    CHANGED = "changed", _("Changed")


class WebhookState(models.TextChoices):
    """How the delivery of a webhook stands."""

    DUE = "due", _("To be delivered")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class QualityCheck(models.TextChoices):
    """What the data-quality page looks for."""

    NO_ADDRESS = "no_address", _("No e-mail address and no phone number")
    NO_COUNTRY = "no_country", _("No country")
    BAD_EMAIL = "bad_email", _("E-mail address that cannot be right")
    TYPO_DOMAIN = "typo_domain", _("E-mail domain with a typing mistake")
    BAD_PHONE = "bad_phone", _("Phone number that cannot be right")
    BAD_NAME = "bad_name", _("Name in capitals or with odd spaces")
    BAD_ATTRIBUTE = "bad_attribute", _("Attribute that does not fit its type")
    OUTLYING = "outlying", _("Far from what is usual")
    STALE = "stale", _("Nothing heard for two years")


class Lane(models.TextChoices):
    """Which messages an account carries; what waits for nobody is asked by its purpose."""

    ALL = "all", _("Everything")
    URGENT = "urgent", _("Transactional mail and conversations only")
    BULK = "bulk", _("Broadcasts only")

    @classmethod
    def of(cls, purpose: str) -> "Lane":
        """The lane of a purpose: what needs consent can wait, all else cannot."""
        return cls.BULK if Purpose(purpose).needs_consent else cls.URGENT


class Health(models.TextChoices):
    """What a provider said when it was asked whether an account works."""

    UNKNOWN = "unknown", _("Not asked yet")
    WELL = "well", _("Works")
    AILING = "ailing", _("Does not work")


class BreakerState(models.TextChoices):
    """Whether an account may be used."""

    CLOSED = "closed", _("In use")
    OPEN = "open", _("Left alone")
    HALF_OPEN = "half_open", _("On trial")


class BreakerReason(models.TextChoices):
    """Why an account is left alone."""

    UNREACHABLE = "unreachable", _("The provider cannot be reached")
    UNAUTHORIZED = "unauthorized", _("The provider refuses the account")
    ERRORS = "errors", _("Too many messages were put off or got no answer")


class TrialState(models.TextChoices):
    """How the test of an account stands."""

    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    IN_DOUBT = "in_doubt", _("In doubt")
