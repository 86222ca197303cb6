"""Numbers about a customer: computed ones with reasons, and those staff set by hand."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Customer
from crm.models.override import Override
from marketing.choices import ScoreKind

from .training import TrainingRun


class Score(models.Model):
    """The automatic value; staff's override stands beside it, never in its place."""

    # Computed: when customers are merged or parted it is left to be computed again.
    is_derived = True

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="scores", db_index=False, verbose_name=_("customer")
    )
    kind = models.CharField(_("kind"), max_length=30, choices=ScoreKind)
    value = models.FloatField(_("value"))
    # [{"feature": code, "value": number, "effect": log-odds}], strongest first.
    reasons = models.JSONField(_("reasons"), default=list)
    run = models.ForeignKey(
        TrainingRun, models.PROTECT, related_name="scores", verbose_name=_("run")
    )
    computed_at = models.DateTimeField(_("computed at"))

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        constraints = [
            models.UniqueConstraint(fields=["customer", "kind"], name="one_score_per_kind")
        ]
        # With whom it is about, so that rules read the index alone.
        indexes = [
            models.Index(fields=["kind", "value"], include=["customer"], name="score_by_value")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value:.3f}"


class ScoreOverride(Override):
    """Staff set a score by hand; in force until lifted or expired."""

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="score_overrides", verbose_name=_("customer")
    )
    kind = models.CharField(_("kind"), max_length=30, choices=ScoreKind)
    value = models.FloatField(_("value"))

    class Meta(Override.Meta):
        verbose_name = _("score override")
        verbose_name_plural = _("score overrides")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "kind"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_score_override_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value:.3f}"
