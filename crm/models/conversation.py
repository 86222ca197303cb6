"""Threads with a customer, and the private notes staff leave in them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import Channel, ConversationState, Handler

from .customer import Customer
from .encrypted import BodyField
from .veil import Veiled


class Conversation(Veiled):
    """A thread with one customer on one channel, answered by the bot or by staff."""

    VEILED = {"subject": masking.hidden, "handed_over_because": masking.text}

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="conversations", verbose_name=_("customer")
    )
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    subject = models.CharField(_("subject"), max_length=255, blank=True)
    state = models.CharField(
        _("state"), max_length=20, choices=ConversationState, default=ConversationState.OPEN
    )
    handler = models.CharField(
        _("answered by"), max_length=20, choices=Handler, default=Handler.BOT
    )
    handed_over_because = models.CharField(_("handed over because"), max_length=255, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("assigned to"),
    )
    # Set by an inbound message, cleared by an answer: what waits for one.
    waiting_since_at = models.DateTimeField(_("waiting since"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    last_message_at = models.DateTimeField(_("last message"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ["-last_message_at"]
        indexes = [
            models.Index(fields=["state", "-last_message_at"], name="conversation_inbox"),
            models.Index(
                fields=["waiting_since_at"],
                condition=models.Q(waiting_since_at__isnull=False),
                name="conversation_waiting",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "channel"],
                condition=models.Q(state="open"),
                name="one_open_conversation_per_channel",
            )
        ]
        permissions = [("use_inbox", _("Can use the inbox"))]

    def __str__(self) -> str:
        return f"{self.customer} · {self.get_channel_display()}"


class Note(Veiled):
    """A private remark in a conversation that the customer never sees."""

    VEILED = {"text": masking.hidden}

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="notes", verbose_name=_("conversation")
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("author"),
    )
    text = BodyField(_("text"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return str(self.text[:50])
