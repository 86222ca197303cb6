"""Saved groups of customers: segments, who is in them since when, and staff's overrides."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.models import Customer
from crm.models.override import Override
from marketing.choices import OverrideMode, SegmentKind


class Segment(models.Model):
    """A saved group; its rule tree compiles to one SQL statement."""

    name = models.CharField(_("name"), max_length=150, unique=True)
    description = models.TextField(_("description"), blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=SegmentKind, default=SegmentKind.RULE)
    rules = models.JSONField(_("rules"), default=dict, blank=True)
    cluster = models.ForeignKey(
        "marketing.Cluster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="segments",
        verbose_name=_("cluster"),
    )
    member_count = models.PositiveIntegerField(_("members"), default=0, editable=False)
    refreshed_at = models.DateTimeField(_("computed at"), null=True, blank=True, editable=False)
    refresh_seconds = models.FloatField(_("took (s)"), null=True, blank=True, editable=False)
    error = models.CharField(_("error"), max_length=500, blank=True, editable=False)
    # Asked for by staff or by news from below; cleared by the refresh that saw it.
    refresh_wanted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    history = HistoricalRecords(
        excluded_fields=[
            "member_count",
            "refreshed_at",
            "refresh_seconds",
            "error",
            "refresh_wanted_at",
        ]
    )

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A customer is in a segment since a moment."""

    segment = models.ForeignKey(
        Segment,
        models.CASCADE,
        related_name="memberships",
        db_index=False,
        verbose_name=_("segment"),
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="memberships", verbose_name=_("customer")
    )
    entered_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["segment", "customer"], name="one_membership_per_segment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.customer_id}"


class SegmentOverride(Override):
    """Staff put a person in or out of a segment by hand; in force until lifted or expired."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="overrides", verbose_name=_("segment")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="segment_overrides", verbose_name=_("customer")
    )
    mode = models.CharField(_("put"), max_length=10, choices=OverrideMode)

    class Meta(Override.Meta):
        verbose_name = _("segment override")
        verbose_name_plural = _("segment overrides")
        constraints = [
            models.UniqueConstraint(
                fields=["segment", "customer"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_segment_override_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.customer_id} {self.mode}"
