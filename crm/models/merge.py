"""Who became one with whom, how to undo it, and who may be one person."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import CandidateReason, CandidateState, MergeCause

from .customer import Customer
from .veil import Veiled


class Merge(Veiled):
    """One customer taken into another, with everything that is needed to part them again.

    The ids are plain values, as one of the two rows is gone while the merge is in force.
    """

    VEILED = {"reason": masking.hidden}

    kept_id = models.BigIntegerField(_("kept customer"), db_index=True)
    merged_id = models.BigIntegerField(_("merged customer"), db_index=True)
    cause = models.CharField(_("cause"), max_length=20, choices=MergeCause)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    undo = models.JSONField(_("undo log"), default=dict, editable=False)
    merged_at = models.DateTimeField(_("merged at"))
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("merged by"),
    )
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("undone by"),
    )

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.merged_id} → #{self.kept_id}"


class CustomerAlias(models.Model):
    """The number a merged customer had, which still leads to who they are now."""

    old_id = models.BigIntegerField(_("old number"), primary_key=True)
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="aliases", verbose_name=_("customer")
    )
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("alias of a customer")
        verbose_name_plural = _("aliases of customers")

    def __str__(self) -> str:
        return f"#{self.old_id} → #{self.customer_id}"


class DuplicateCandidate(Veiled):
    """Two customers who may be one person, for staff to decide."""

    VEILED = {"evidence": masking.facts}

    left = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("one customer")
    )
    right = models.ForeignKey(
        Customer, models.CASCADE, related_name="+", verbose_name=_("other customer")
    )
    reason = models.CharField(_("reason"), max_length=20, choices=CandidateReason)
    score = models.FloatField(_("likeness"), help_text=_("0 to 1"))
    state = models.CharField(
        _("state"), max_length=20, choices=CandidateState, default=CandidateState.OPEN
    )
    # What staff should see: an address that one brought and that leads to the other.
    evidence = models.JSONField(_("evidence"), default=dict, blank=True)
    found_at = models.DateTimeField(_("found at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )

    class Meta:
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        ordering = ["-score", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["left", "right"], name="one_candidate_a_pair"),
            models.CheckConstraint(
                condition=models.Q(left__lt=models.F("right")), name="a_pair_is_ordered"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.left_id} – #{self.right_id}"
