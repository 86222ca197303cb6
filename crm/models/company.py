"""The companies customers belong to."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from .customer import Customer


class Company(models.Model):
    """An organisation whose people are our customers."""

    key = models.CharField(
        _("key"), max_length=200, unique=True, help_text=_("The shop's own id for it")
    )
    name = models.CharField(_("name"), max_length=255)
    domain = models.CharField(_("domain"), max_length=255, blank=True, db_index=True)
    industry = models.CharField(_("industry"), max_length=150, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    employees = models.PositiveIntegerField(_("employees"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("since"))

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CompanyMember(models.Model):
    """A customer who belongs to a company."""

    company = models.ForeignKey(
        Company, models.CASCADE, related_name="members", verbose_name=_("company")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="companies", verbose_name=_("customer")
    )
    role = models.CharField(_("role"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["company", "customer"], name="one_membership")
        ]

    def __str__(self) -> str:
        return f"{self.company_id}: {self.customer_id}"


class CompanyStatistics(models.Model):
    """What a company's members come to, kept up to date with every order."""

    company = models.OneToOneField(
        Company,
        models.CASCADE,
        primary_key=True,
        related_name="statistics",
        verbose_name=_("company"),
    )
    members = models.PositiveIntegerField(_("members"))
    orders = models.PositiveIntegerField(_("orders"))
    revenue = models.DecimalField(_("revenue"), max_digits=16, decimal_places=2)
    last_order_at = models.DateTimeField(_("last order"), null=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True)

    class Meta:
        verbose_name = _("company statistics")
        verbose_name_plural = _("company statistics")

    def __str__(self) -> str:
        return f"{self.members} / {self.orders} / {self.revenue}"
