"""What the built-in catcher and provider simulator received in place of the world."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import Channel

from .veil import Veiled


class CaughtMessage(Veiled):
    """A mail or SMS exactly as it left us, caught on this machine."""

    VEILED = {
        "recipient": masking.address,
        "sender": masking.address,
        "subject": masking.hidden,
        "raw": masking.body,
    }

    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    provider_message_id = models.TextField(_("provider's id"), blank=True)
    key = models.TextField(_("key"), db_index=True)
    sender = models.TextField(_("from"))
    recipient = models.TextField(_("to"), db_index=True)
    subject = models.TextField(_("subject"), blank=True)
    raw = models.BinaryField(_("as sent"))
    caught_at = models.DateTimeField(_("caught at"), db_default=Now())

    class Meta:
        verbose_name = _("caught message")
        verbose_name_plural = _("outbox")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.subject or self.recipient
