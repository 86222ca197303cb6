"""What goes with what, what sells, and what staff chose to recommend by hand."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Product
from crm.models.override import Override
from marketing.choices import RecommendationMode

from .training import TrainingRun


class ProductNeighbour(models.Model):
    """A product that the same customers bought; each run in use replaces all of them at once."""

    run = models.ForeignKey(
        TrainingRun, models.CASCADE, db_index=False, related_name="+", verbose_name=_("run")
    )
    product = models.ForeignKey(
        Product,
        models.CASCADE,
        db_index=False,
        related_name="neighbours",
        verbose_name=_("product"),
    )
    other = models.ForeignKey(
        Product, models.CASCADE, related_name="+", verbose_name=_("goes with")
    )
    rank = models.PositiveSmallIntegerField(_("place"))
    weight = models.FloatField(_("weight"))
    support = models.PositiveIntegerField(_("customers who bought both"))

    class Meta:
        verbose_name = _("product that goes with another")
        verbose_name_plural = _("products that go with others")
        ordering = ["product", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["product", "rank"], name="one_neighbour_per_place")
        ]

    def __str__(self) -> str:
        return f"{self.product_id} → {self.other_id}"


class Bestseller(models.Model):
    """A product among those that most people bought lately, overall or in its category."""

    product = models.OneToOneField(
        Product,
        models.CASCADE,
        primary_key=True,
        related_name="bestseller",
        verbose_name=_("product"),
    )
    rank = models.PositiveIntegerField(_("place"), unique=True)
    buyers = models.PositiveIntegerField(_("customers who bought it"))
    # Each of them counts half as much for every so many days that have gone by.
    weight = models.FloatField(_("of them lately"))

    class Meta:
        verbose_name = _("bestseller")
        verbose_name_plural = _("bestsellers")
        ordering = ["rank"]

    def __str__(self) -> str:
        return f"{self.rank}: {self.product_id}"


class RecommendationOverride(Override):
    """Staff recommend a product never, or to everybody first; in force until lifted or expired."""

    # It is about a product: the reason says nothing of anybody.
    VEILED = {}

    product = models.ForeignKey(
        Product,
        models.CASCADE,
        related_name="recommendation_overrides",
        verbose_name=_("product"),
    )
    mode = models.CharField(_("by hand"), max_length=10, choices=RecommendationMode)

    class Meta(Override.Meta):
        verbose_name = _("recommendation set by hand")
        verbose_name_plural = _("recommendations set by hand")
        constraints = [
            models.UniqueConstraint(
                fields=["product"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_recommendation_override_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_mode_display()}: {self.product_id}"
