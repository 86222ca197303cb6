"""The words of campaigns: kinds, states and the reasons why a delivery was not made."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CampaignKind(models.TextChoices):
    """The two kinds of campaign; a broadcast is a journey of one step."""

    BROADCAST = "broadcast", _("Broadcast")


class CampaignState(models.TextChoices):
    """How a campaign stands."""

    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Sending")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


class CampaignVerb(models.TextChoices):
    """What was done to a campaign."""

    LAUNCHED = "launched", _("Launched")
    TAKEN_BACK = "taken_back", _("Launch taken back")
    STARTED = "started", _("Started sending")
    PAUSED = "paused", _("Paused")
    RESUMED = "resumed", _("Resumed")
    CANCELLED = "cancelled", _("Cancelled")
    FINISHED = "finished", _("Finished")
    TOO_MANY_ERRORS = "too_many_errors", _("Paused by itself: too many messages failed")
    TOO_MANY_BOUNCES = "too_many_bounces", _("Paused by itself: too many hard bounces")
    TOO_MANY_COMPLAINTS = "too_many_complaints", _("Paused by itself: too many complaints")
    TEMPLATE_WITHDRAWN = "template_withdrawn", _("Paused: its template was withdrawn")


class StepKind(models.TextChoices):
    """What a step does."""

    MESSAGE = "message", _("Send a message")


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PLANNED = "planned", _("Planned")
    HANDED_OVER = "handed_over", _("Handed over")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Reason(models.TextChoices):
    """Why a delivery was skipped, failed or cancelled."""

    NO_ADDRESS = "no_address", _("No address for this channel")
    NO_CONSENT = "no_consent", _("No consent")
    NOT_CONFIRMED = "not_confirmed", _("Consent not confirmed yet")
    UNSUBSCRIBED = "unsubscribed", _("Consent withdrawn")
    SUPPRESSED = "suppressed", _("Address suppressed")
    PAUSED = "paused", _("Marketing paused for this person")
    HOLDOUT = "holdout", _("Kept out to measure the effect")
    FREQUENCY_CAP = "frequency_cap", _("Had enough messages lately")
    FREQUENCY_CHOICE = "frequency_choice", _("Asked for fewer messages")
    RENDER_ERROR = "render_error", _("The template could not be rendered")
    THREE_STRIKES = "three_strikes", _("Gave up after three tries")
    STAFF = "staff", _("Cancelled by staff")
    CAMPAIGN_CANCELLED = "campaign_cancelled", _("The campaign was cancelled")
