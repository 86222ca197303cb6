"""Who they are: customers, the handles they are known by, and their order statistics."""

import random
import re
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm import masking
from crm.choices import IdentityKind

from .attribute import AttributeDefinition
from .veil import Veiled

BUCKETS = 10_000
# Chinese, Japanese and Korean letters, and the dots of a masked name.
_EAST_ASIAN = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff•·]+")


def draw_bucket() -> int:
    """Draw the permanent random number (0–9999) that holdouts and variants hash."""
    return random.randrange(BUCKETS)  # noqa: S311 (a share, not a secret)


def written_name(first_name: str, last_name: str, *, language: str) -> str:
    """First and last name in the order that their own script uses."""
    names = [name for name in (first_name, last_name) if name]
    if not _is_east_asian(first_name, last_name):
        return " ".join(names)
    gap = " " if language == "ja" else ""
    return gap.join(reversed(names))


def _is_east_asian(first_name: str, last_name: str) -> bool:
    return _EAST_ASIAN.fullmatch(first_name + last_name) is not None


class CustomerQuerySet(models.QuerySet["Customer"]):
    """Chainable questions about customers, each with its negative form."""

    def paused(self, *, now: datetime) -> Self:
        """Customers to whom staff paused marketing."""
        return self.filter(pauses__lifted_at__isnull=True, pauses__expires_at__gt=now).distinct()

    def not_paused(self, *, now: datetime) -> Self:
        """Customers to whom marketing is not paused."""
        return self.exclude(pauses__lifted_at__isnull=True, pauses__expires_at__gt=now)


def mask_attributes(attributes: dict[str, Any]) -> dict[str, Any]:
    """Hide the value of every attribute that is personal, or whose kind nobody has said."""
    public = AttributeDefinition.public_names()
    return {name: value if name in public else masking.DOTS for name, value in attributes.items()}


class VeiledPerson(Veiled):
    """How a customer, and each past state of one, is masked."""

    VEILED = {
        "first_name": masking.name,
        "last_name": masking.name,
        "email": masking.email,
        "phone": masking.phone,
        "postcode": masking.hidden,
        "street": masking.hidden,
        "attributes": mask_attributes,
    }

    class Meta:
        abstract = True


class Customer(VeiledPerson):
    """A person we serve, known or anonymous."""

    first_name = models.CharField(_("first name"), max_length=150, blank=True)
    last_name = models.CharField(_("last name"), max_length=150, blank=True)
    email = models.CharField(_("e-mail"), max_length=320, blank=True, db_index=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True, db_index=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    city = models.CharField(_("city"), max_length=150, blank=True)
    postcode = models.CharField(_("postcode"), max_length=20, blank=True)
    street = models.CharField(_("street"), max_length=255, blank=True)
    language = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    bucket = models.PositiveSmallIntegerField(_("bucket"), default=draw_bucket, editable=False)
    created_at = models.DateTimeField(_("since"), db_index=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    history = HistoricalRecords(bases=[VeiledPerson])
    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["country"], name="customer_country"),
            # A random share of everybody, for estimates and tests.
            models.Index(fields=["bucket"], name="customer_bucket"),
        ]
        permissions = [
            ("pause_customer", _("Can pause marketing to a person")),
            ("view_personal_data", _("Can see personal data unmasked")),
            ("merge_customer", _("Can merge and unmerge customers")),
            ("export_customer", _("Can export customers")),
            ("erase_customer", _("Can erase customers")),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or self.phone or f"#{self.pk}"

    @property
    def full_name(self) -> str:
        """First and last name in the order that their own script uses."""
        return written_name(self.first_name, self.last_name, language=self.language)

    @property
    def is_family_first(self) -> bool:
        """Whether the name is in a script of East Asia, whatever its bearer reads."""
        return _is_east_asian(self.first_name, self.last_name)


LONGEST_HANDLE = 1000


class Identity(Veiled):
    """One handle of a customer: a kind and a normalised value."""

    VEILED = {"value": masking.address}

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="identities", verbose_name=_("customer")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=IdentityKind)
    # As long as a push subscription: an address of the push service and two keys.
    value = models.CharField(_("value"), max_length=LONGEST_HANDLE)
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(fields=["kind", "value"], name="identity_names_one_customer")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.value}"


class OrderStatistics(models.Model):
    """What a customer's placed orders come to, kept up to date with every order."""

    customer = models.OneToOneField(
        Customer,
        models.CASCADE,
        primary_key=True,
        related_name="order_statistics",
        verbose_name=_("customer"),
    )
    orders = models.PositiveIntegerField(_("orders"))
    revenue = models.DecimalField(_("revenue"), max_digits=14, decimal_places=2)
    first_order_at = models.DateTimeField(_("first order"))
    last_order_at = models.DateTimeField(_("last order"), db_index=True)

    class Meta:
        verbose_name = _("order statistics")
        verbose_name_plural = _("order statistics")
        indexes = [
            models.Index(fields=["orders"], name="order_statistics_orders"),
            models.Index(fields=["revenue"], name="order_statistics_revenue"),
        ]

    def __str__(self) -> str:
        return f"{self.orders} / {self.revenue}"
