"""Privacy: what people asked for, how long things are kept, and who saw what."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import masking
from crm.choices import AccessKind, DecisionSource, PrivacyKind, PrivacyState, RetainedKind

from .customer import Customer
from .veil import Veiled


class PrivacyRequest(Veiled):
    """Somebody asks for a copy of their data, or to be erased; outlives the customer."""

    VEILED = {"refusal": masking.hidden}

    kind = models.CharField(_("kind"), max_length=20, choices=PrivacyKind)
    state = models.CharField(
        _("state"), max_length=20, choices=PrivacyState, default=PrivacyState.RECEIVED
    )
    customer = models.ForeignKey(
        Customer,
        models.SET_NULL,
        null=True,
        related_name="privacy_requests",
        verbose_name=_("customer"),
    )
    # Proves afterwards whom it was about to whoever knows the address, and tells nobody else.
    address_hash = models.CharField(_("address hash"), max_length=64, blank=True)
    source = models.CharField(_("source"), max_length=20, choices=DecisionSource)
    requested_at = models.DateTimeField(_("requested at"))
    due_at = models.DateTimeField(_("due at"))
    done_at = models.DateTimeField(_("done at"), null=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("done by"),
    )
    report = models.JSONField(_("report"), default=dict)
    refusal = models.CharField(_("refused because"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("privacy request")
        verbose_name_plural = _("privacy requests")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class RetentionRule(models.Model):
    """How long one kind of thing is kept."""

    what = models.CharField(_("what"), max_length=20, choices=RetainedKind, unique=True)
    keep_days = models.PositiveIntegerField(_("kept for days"))
    is_on = models.BooleanField(_("in force"), default=True)
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    last_deleted = models.PositiveBigIntegerField(_("deleted then"), default=0)

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        ordering = ["what"]

    def __str__(self) -> str:
        return self.get_what_display()


class AccessRecord(models.Model):
    """Who saw or changed what about whom; rows are only ever added."""

    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("staff"),
    )
    program = models.CharField(_("program"), max_length=100, blank=True)
    kind = models.CharField(_("what"), max_length=20, choices=AccessKind)
    # A plain value: the trail outlives the person.
    customer_id = models.BigIntegerField(_("customer"), null=True, db_index=True)
    where = models.CharField(_("where"), max_length=200)
    detail = models.CharField(_("detail"), max_length=255, blank=True)
    happened_at = models.DateTimeField(_("when"), db_index=True)

    class Meta:
        verbose_name = _("access")
        verbose_name_plural = _("accesses")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.where}"
