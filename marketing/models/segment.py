"""Saved groups of customers: segments, who is in them since when, and staff's overrides."""

from typing import Any

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
    failing_since_at = models.DateTimeField(_("fails since"), null=True, blank=True, editable=False)
    # Asked for by staff or by changes too wide to follow; cleared by the refresh that saw it.
    refresh_wanted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A hash of what the members were computed from; other rules want a refresh.
    basis = models.CharField(max_length=64, blank=True, default="", editable=False)
    # Whom the clock alone moves is looked at from here on.
    clocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When changes were last followed here; nobody computes members of an earlier moment.
    followed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Members went away with their customers: the count is taken again.
    recount_wanted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    history = HistoricalRecords(
        excluded_fields=[
            "member_count",
            "refreshed_at",
            "refresh_seconds",
            "error",
            "failing_since_at",
            "refresh_wanted_at",
            "basis",
            "clocked_at",
            "followed_at",
            "recount_wanted_at",
        ]
    )

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["name"]
        permissions = [("view_plan", _("Can see PostgreSQL's plan of a segment"))]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Write what staff edit; what is computed has changed meanwhile and stays."""
        if self.pk and not self._state.adding and options.get("update_fields") is None:
            options["update_fields"] = [
                field.name
                for field in self._meta.local_concrete_fields
                if field.editable and not field.primary_key
            ]
        super().save(**options)


class Membership(models.Model):
    """A customer is in a segment since a moment."""

    segment = models.ForeignKey(
        Segment,
        models.CASCADE,
        related_name="memberships",
        db_index=False,
        verbose_name=_("segment"),
    )
    # Whoever writes memberships holds their customers by one lock for all (segments/writing.py),
    # so that the database need not check each by itself.
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="memberships",
        db_constraint=False,
        verbose_name=_("customer"),
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


class ListEntry(models.Model):
    """A customer on a fixed list, by a file or as a copy of another segment's members."""

    segment = models.ForeignKey(
        Segment,
        models.CASCADE,
        related_name="entries",
        db_index=False,
        verbose_name=_("segment"),
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="list_entries", verbose_name=_("customer")
    )
    added_at = models.DateTimeField(_("added at"))

    class Meta:
        verbose_name = _("entry of a list")
        verbose_name_plural = _("entries of lists")
        constraints = [
            models.UniqueConstraint(fields=["segment", "customer"], name="one_entry_per_list")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.customer_id}"
