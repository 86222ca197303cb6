"""What was said, in or out, and how it fared."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import Author, Channel, Direction, FailureReason, MessageState, Purpose

from .conversation import Conversation
from .customer import Customer
from .encrypted import BodyField
from .template import TemplateVersion
from .veil import Veiled

UNHAPPY_STATES = (
    MessageState.FAILED,
    MessageState.BOUNCED,
    MessageState.COMPLAINED,
    MessageState.IN_DOUBT,
)


# The states by which somebody looks for messages.
WATCHED_STATES = (MessageState.QUEUED, *UNHAPPY_STATES)


class Message(Veiled):
    """One thing said to or by a customer.

    A templated message keeps version, variables (see KeptVariables) and the hash of its body, from
    which it can be shown again exactly; a message typed by a person or the bot keeps its text.
    """

    VEILED = {
        "address": masking.address,
        "subject": masking.hidden,
        "text": masking.hidden,
        "detail": masking.text,
    }

    # Every index costs at each of the millions of messages of a campaign: those below must do.
    # Whoever writes messages holds their customers by one lock for all of them (crm/locks.py).
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="messages",
        db_index=False,
        db_constraint=False,
        verbose_name=_("customer"),
    )
    conversation = models.ForeignKey(
        Conversation,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="messages",
        db_index=False,
        verbose_name=_("conversation"),
    )
    direction = models.CharField(_("direction"), max_length=3, choices=Direction)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    author = models.CharField(_("author"), max_length=20, choices=Author)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("staff"),
    )
    # What it belongs to above, as plain values: ("delivery", 12).
    source_kind = models.CharField(_("source"), max_length=30, blank=True)
    source_id = models.BigIntegerField(_("source id"), null=True, blank=True)

    address = models.CharField(_("address"), max_length=1000)
    subject = models.CharField(_("subject"), max_length=998, blank=True)
    text = BodyField(_("text"), blank=True)
    # Versions are kept for ever, so that no message's can be gone; and thousands of messages that
    # lock one and the same row at once would wait for each other.
    template_version = models.ForeignKey(
        TemplateVersion,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="messages",
        verbose_name=_("template version"),
    )
    body_hash = models.CharField(_("body hash"), max_length=64, blank=True)

    # Deterministic: the Message-ID of a mail, the idempotency key of a provider call.
    key = models.CharField(_("key"), max_length=200)
    provider = models.CharField(_("provider"), max_length=50, blank=True)
    provider_message_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=20, choices=MessageState)
    # The state where somebody looks for it by an index, else nothing: that a message was sent, as
    # nearly all are, then touches no index, and PostgreSQL writes the row anew on its own page.
    watched_state = models.GeneratedField(
        expression=models.Case(
            models.When(state__in=WATCHED_STATES, then=models.F("state")), default=None
        ),
        output_field=models.CharField(max_length=20, null=True, choices=MessageState),
        db_persist=True,
        verbose_name=_("state that is watched"),
    )
    reason = models.CharField(_("reason"), max_length=30, choices=FailureReason, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    # Which worker is handing it over (see HandOver); its journal tells what a crash left.
    owner = models.CharField(_("owner"), max_length=100, blank=True)
    # How often it was handed over so far, and when a message that was put off is tried again.
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)

    created_at = models.DateTimeField(_("created at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"), null=True, blank=True)
    clicked_at = models.DateTimeField(_("clicked at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        # Each takes its time whenever a message is written. None may name what changes when a
        # message is sent (state, owner, sent_at, settled_at), or all of them cost once more then.
        indexes = [
            # Messages stand in the order in which they were made: ranges of time are ranges of
            # pages.
            BrinIndex(fields=["created_at"], autosummarize=True, name="message_by_time"),
            models.Index(fields=["customer", "-created_at"], name="message_by_customer"),
            models.Index(
                fields=["conversation", "created_at"],
                condition=models.Q(conversation__isnull=False),
                name="message_of_conversation",
            ),
            models.Index(
                fields=["staff"],
                condition=models.Q(staff__isnull=False),
                name="message_by_staff",
            ),
            models.Index(
                fields=["source_kind", "source_id"],
                condition=models.Q(reason="deferred"),
                name="message_put_off",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(watched_state="queued"),
                name="message_queued",
            ),
            models.Index(
                fields=["watched_state", "created_at"],
                condition=models.Q(watched_state__isnull=False),
                name="message_watched",
            ),
            models.Index(
                fields=["provider", "provider_message_id"],
                condition=~models.Q(provider_message_id=""),
                name="message_by_provider_id",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="one_message_per_key"),
            models.CheckConstraint(
                condition=~models.Q(state__in=UNHAPPY_STATES) | ~models.Q(reason=""),
                name="an_unhappy_message_has_a_reason",
            ),
        ]
        permissions = [
            ("reply_message", _("Can reply to customers")),
            ("settle_message", _("Can settle messages in doubt")),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} #{self.pk}"

    @property
    def variables(self) -> dict[str, Any] | None:
        """What it was rendered from, if it was, and if that is kept still."""
        kept: KeptVariables | None = getattr(self, "kept", None)
        return kept.variables if kept else None


class KeptVariables(Veiled):
    """What a message was rendered from, in a row of its own that never changes.

    Messages change when they are sent, and PostgreSQL writes the whole row anew then. And rows of
    about one size leave no gaps on old pages into which those of the next campaign would go.
    """

    VEILED = {"variables": masking.facts}

    message = models.OneToOneField(
        Message,
        models.CASCADE,
        primary_key=True,
        related_name="kept",
        db_constraint=False,
        verbose_name=_("message"),
    )
    variables = models.JSONField(_("variables"))

    class Meta:
        verbose_name = _("variables of a message")
        verbose_name_plural = _("variables of messages")

    def __str__(self) -> str:
        return f"#{self.pk}"


class HandOver(models.Model):
    """Messages that one worker is handing over, until when, in one row for all of them.

    Whatever is `sending` between two transactions is named by such a row, which goes with the
    transaction that settles the last of them.
    """

    owner = models.CharField(_("owner"), max_length=100)
    lease_until_at = models.DateTimeField(_("lease until"))
    message_ids = ArrayField(models.BigIntegerField(), verbose_name=_("messages"))

    class Meta:
        verbose_name = _("hand-over")
        verbose_name_plural = _("hand-overs")

    def __str__(self) -> str:
        return f"{self.owner} #{self.pk}"
