"""What they did: append-only facts, each recorded once."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking

from .api_key import ApiKey
from .customer import Customer
from .veil import Veiled


class Event(Veiled):
    """A fact about a customer that happened at a moment and never changes."""

    VEILED = {"properties": masking.facts}

    # Whoever records events holds their customers by one lock for all of them (crm/locks.py,
    # crm/ingest/people.py): a check of the database's own, row by row, costs a third of a COPY.
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="events",
        db_index=False,
        db_constraint=False,
        verbose_name=_("customer"),
    )
    name = models.CharField(
        _("name"), max_length=200, help_text=_("Dotted, past tense: order.placed")
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    received_at = models.DateTimeField(_("received at"))
    properties = models.JSONField(_("properties"), default=dict)
    # Who reported it and their id for it, so that a replay changes nothing.
    key = models.CharField(_("key"), max_length=200)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-occurred_at", "-id"]
        # A unique field would have a second index for prefixes, which nobody asks for.
        constraints = [models.UniqueConstraint(fields=["key"], name="one_event_per_key")]
        indexes = [
            models.Index(fields=["customer", "-occurred_at"], name="event_timeline"),
            models.Index(fields=["name", "occurred_at", "customer"], name="event_by_name"),
            # The few that were told before they happened: the clock alone brings them about.
            models.Index(
                fields=["name", "occurred_at"],
                name="event_ahead",
                condition=models.Q(received_at__lt=models.F("occurred_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EventBatch(models.Model):
    """Events just recorded whose consequences (roll-ups, webhooks) are still to be drawn."""

    event_ids = ArrayField(models.BigIntegerField(), verbose_name=_("events"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("batch of events")
        verbose_name_plural = _("batches of events")

    def __str__(self) -> str:
        return f"#{self.pk}"


class EventDay(models.Model):
    """How often a customer did one thing on one day (UTC), so that nobody scans the history."""

    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="event_days",
        db_index=False,
        verbose_name=_("customer"),
    )
    name = models.CharField(_("name"), max_length=200)
    date = models.DateField(_("day"))
    count = models.PositiveIntegerField(_("times"))
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))

    class Meta:
        verbose_name = _("day of events")
        verbose_name_plural = _("days of events")
        constraints = [
            models.UniqueConstraint(fields=["customer", "name", "date"], name="one_event_day")
        ]
        indexes = [models.Index(fields=["name", "date", "customer"], name="event_day_by_name")]

    def __str__(self) -> str:
        return f"{self.name} {self.date}: {self.count}"


class RejectedEvent(Veiled):
    """What the tracking API was told and could not record, kept as it came, with the reason."""

    VEILED = {"payload": masking.hidden, "detail": masking.hidden}

    key = models.CharField(_("key"), max_length=200, unique=True)
    source = models.ForeignKey(
        ApiKey, models.SET_NULL, null=True, related_name="+", verbose_name=_("source")
    )
    reason = models.CharField(_("reason"), max_length=50)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    payload = models.TextField(_("payload"))
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        verbose_name = _("rejected event")
        verbose_name_plural = _("rejected events")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.reason
