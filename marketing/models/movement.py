"""What became of segments: who came and went, how large they were, whom to look at again."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Customer
from marketing.choices import MoveCause

from .segment import Segment


class SegmentMove(models.Model):
    """A customer came into a segment or left it."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="moves", db_index=False, verbose_name=_("segment")
    )
    # Written by those who hold the customer, as memberships are.
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="segment_moves",
        db_constraint=False,
        verbose_name=_("customer"),
    )
    moved_at = models.DateTimeField(_("when"))
    is_entry = models.BooleanField(_("came in"))
    cause = models.CharField(_("why"), max_length=10, choices=MoveCause)

    class Meta:
        verbose_name = _("move")
        verbose_name_plural = _("moves")
        ordering = ["-moved_at", "-id"]
        indexes = [models.Index(fields=["segment", "-moved_at", "-id"], name="move_history")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.customer_id}"


class SegmentSize(models.Model):
    """How many were in a segment by the end of an hour, and how many came and went in it."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="sizes", db_index=False, verbose_name=_("segment")
    )
    hour_at = models.DateTimeField(_("hour"))
    members = models.PositiveIntegerField(_("members"))
    entered = models.PositiveIntegerField(_("came"), default=0)
    left = models.PositiveIntegerField(_("left"), default=0)

    class Meta:
        verbose_name = _("size of a segment")
        verbose_name_plural = _("sizes of segments")
        constraints = [
            models.UniqueConstraint(fields=["segment", "hour_at"], name="one_size_per_hour")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.members}"


class SegmentRecheck(models.Model):
    """People to be looked at again, as their segment or they themselves were held by others."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="rechecks", verbose_name=_("segment")
    )
    customer_ids = ArrayField(models.BigIntegerField(), verbose_name=_("customers"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("people to look at again")
        verbose_name_plural = _("people to look at again")

    def __str__(self) -> str:
        return f"#{self.pk}"
