"""What they did: append-only facts, each recorded once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .customer import Customer


class Event(models.Model):
    """A fact about a customer that happened at a moment and never changes."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="events", db_index=False, verbose_name=_("customer")
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("Dotted, past tense: order.placed")
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"))
    properties = models.JSONField(_("properties"), default=dict)
    # Who reported it and their id for it, so that a replay changes nothing.
    key = models.CharField(_("key"), max_length=200, unique=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-occurred_at", "-id"]
        indexes = [
            models.Index(fields=["customer", "-occurred_at"], name="event_timeline"),
            models.Index(fields=["name", "occurred_at", "customer"], name="event_by_name"),
        ]

    def __str__(self) -> str:
        return self.name
