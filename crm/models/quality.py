"""What is wrong with the data, and what was done about it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import QualityCheck

from .customer import Customer
from .veil import Veiled


class QualityFinding(Veiled):
    """One thing that is wrong with one customer's data, as last looked."""

    VEILED = {"value": masking.hidden, "suggestion": masking.hidden}

    check_name = models.CharField(_("finding"), max_length=20, choices=QualityCheck)
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="findings", verbose_name=_("customer")
    )
    field = models.CharField(_("field"), max_length=120, blank=True)
    value = models.CharField(_("value"), max_length=320, blank=True)
    suggestion = models.CharField(_("suggestion"), max_length=320, blank=True)
    found_at = models.DateTimeField(_("found at"))
    is_accepted = models.BooleanField(_("left as it is"), default=False)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["-found_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["check_name", "customer", "field"], name="one_finding_a_field"
            )
        ]

    def __str__(self) -> str:
        return self.get_check_name_display()


class QualityRepair(Veiled):
    """What a repair changed, so that it can be taken back."""

    VEILED = {"changes": masking.facts}

    check_name = models.CharField(_("finding"), max_length=20, choices=QualityCheck)
    # Each as {"customer": id, "field": name, "before": value, "after": value}.
    changes = models.JSONField(_("changes"), default=list)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("done by"),
    )
    done_at = models.DateTimeField(_("done at"))
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("undone by"),
    )
    undone_at = models.DateTimeField(_("undone at"), null=True)

    class Meta:
        verbose_name = _("repair")
        verbose_name_plural = _("repairs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_check_name_display()} #{self.pk}"
