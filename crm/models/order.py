"""What they bought: products, orders and their lines."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.choices import OrderState

from .customer import Customer


class Product(models.Model):
    """Something the shop sells."""

    sku = models.CharField(_("SKU"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    category = models.CharField(_("category"), max_length=150, blank=True, db_index=True)
    brand = models.CharField(_("brand"), max_length=150, blank=True)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    url = models.CharField(_("page"), max_length=500, blank=True)
    image_url = models.CharField(_("picture"), max_length=500, blank=True)
    is_active = models.BooleanField(_("on sale"), default=True)
    created_at = models.DateTimeField(_("since"))

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """A purchase; its total counts in the statistics while it is placed."""

    number = models.CharField(_("number"), max_length=100, unique=True)
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="orders",
        null=True,
        blank=True,
        verbose_name=_("customer"),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=OrderState, default=OrderState.PLACED
    )
    placed_at = models.DateTimeField(_("placed at"), db_index=True)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-placed_at", "-id"]
        indexes = [
            models.Index(fields=["customer", "-placed_at"], name="order_by_customer"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    """One product in an order; a return has a negative quantity."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(
        Product, models.PROTECT, related_name="lines", verbose_name=_("product")
    )
    quantity = models.IntegerField(_("quantity"))
    unit_price = models.DecimalField(_("unit price"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id}"
