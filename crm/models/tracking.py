"""What is known of openings and clicks beside the message itself, and who refused to be noted."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.tracking_choices import SightingKind, SightingReason, TrackingMode

from .customer import Customer
from .message import Message
from .template import TemplateVersion
from .veil import Veiled


class UncountedSighting(Veiled):
    """Openings or clicks of one message that no person made, by their reason."""

    VEILED = {"agent": masking.hidden}

    message = models.ForeignKey(
        Message,
        models.CASCADE,
        related_name="uncounted_sightings",
        db_index=False,
        verbose_name=_("message"),
    )
    kind = models.CharField(_("what"), max_length=10, choices=SightingKind)
    reason = models.CharField(_("reason"), max_length=20, choices=SightingReason)
    times = models.PositiveIntegerField(_("times"))
    # What the last one called itself.
    agent = models.CharField(_("program"), max_length=300, blank=True)
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"), db_index=True)

    class Meta:
        verbose_name = _("sighting that does not count")
        verbose_name_plural = _("sightings that do not count")
        ordering = ["-last_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "kind", "reason"], name="one_uncounted_sighting_per_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


class LinkDay(models.Model):
    """How often a link of a version was followed on a day; position 0 is the picture: openings."""

    version = models.ForeignKey(
        TemplateVersion,
        models.CASCADE,
        related_name="link_days",
        db_index=False,
        verbose_name=_("version"),
    )
    position = models.PositiveSmallIntegerField(_("position"))
    seen_date = models.DateField(_("day"))
    people = models.PositiveIntegerField(_("by people"), default=0)
    programs = models.PositiveIntegerField(_("by programs"), default=0)

    class Meta:
        verbose_name = _("day of a link")
        verbose_name_plural = _("days of links")
        ordering = ["-seen_date", "version", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "position", "seen_date"], name="one_row_per_link_and_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.position} {self.seen_date}: {self.people}"


class TrackingRefusal(models.Model):
    """A person wants less to be noted of them than we would note; the strictest row holds."""

    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="tracking_refusals",
        db_index=False,
        verbose_name=_("customer"),
    )
    mode = models.CharField(_("at most"), max_length=10, choices=TrackingMode)
    refused_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("choice about tracking")
        verbose_name_plural = _("choices about tracking")
        ordering = ["-refused_at"]
        constraints = [
            # Two of one person come from a merge: nothing that was refused is allowed by it.
            models.UniqueConstraint(
                fields=["customer", "mode"], name="one_tracking_refusal_per_mode"
            ),
            models.CheckConstraint(
                condition=~models.Q(mode="personal"), name="a_tracking_refusal_refuses"
            ),
        ]

    def __str__(self) -> str:
        return self.mode


class SpoolMark(models.Model):
    """How far a segment of a spool is recorded, told by the transaction that recorded it."""

    name = models.CharField(_("segment"), max_length=100, unique=True)
    position = models.BigIntegerField(_("position"))

    class Meta:
        verbose_name = _("mark in a spool")
        verbose_name_plural = _("marks in spools")

    def __str__(self) -> str:
        return f"{self.name}: {self.position}"
