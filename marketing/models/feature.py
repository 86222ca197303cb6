"""The feature table: one row per customer as of a day."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Customer


class Feature(models.Model):
    """What was known about a customer at the start of a day, in numbers."""

    # Computed: when customers are merged or parted it is left to be computed again.
    is_derived = True

    as_of_date = models.DateField(_("as of"))
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="features", verbose_name=_("customer")
    )
    tenure_days = models.FloatField(_("days since first order"))
    recency_days = models.FloatField(_("days since last order"))
    orders = models.IntegerField(_("orders"))
    orders_90_days = models.IntegerField(_("orders in 90 days"))
    orders_365_days = models.IntegerField(_("orders in a year"))
    revenue = models.FloatField(_("revenue"))
    revenue_365_days = models.FloatField(_("revenue in a year"))
    average_order = models.FloatField(_("average order"))
    gap_days = models.FloatField(_("usual days between orders"), null=True)
    categories = models.IntegerField(_("categories bought"))
    views_30_days = models.IntegerField(_("product views in 30 days"))
    views_90_days = models.IntegerField(_("product views in 90 days"))
    engagements_90_days = models.IntegerField(_("clicks and replies in 90 days"))

    class Meta:
        verbose_name = _("feature row")
        verbose_name_plural = _("feature table")
        constraints = [
            models.UniqueConstraint(fields=["as_of_date", "customer"], name="one_row_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} @ {self.as_of_date}"
