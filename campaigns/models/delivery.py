"""A step's try to reach one customer: the plan and the verdict."""

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.choices import DeliveryState, Reason
from crm import masking
from crm.models import Customer, Message
from crm.models.veil import Veiled

from .campaign import Campaign, Step

UNSENT_STATES = (DeliveryState.SKIPPED, DeliveryState.FAILED, DeliveryState.CANCELLED)


class Delivery(Veiled):
    """planned → handed over, or skipped, failed, cancelled; a claim says who prepares it."""

    VEILED = {"detail": masking.text}

    campaign = models.ForeignKey(
        Campaign,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("campaign"),
    )
    step = models.ForeignKey(
        Step, models.PROTECT, related_name="deliveries", db_index=False, verbose_name=_("step")
    )
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("customer"),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=DeliveryState, default=DeliveryState.PLANNED
    )
    reason = models.CharField(_("reason"), max_length=30, choices=Reason, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    # Only the transaction that writes both ever sets it: that PostgreSQL looked up every message
    # again, and locked it, took longer than to write the delivery. A message goes with its
    # customer alone, as the delivery does; and it names its delivery, which needs no index here.
    message = models.ForeignKey(
        Message,
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("message"),
    )
    # How often a message was written for it; each has a key of its own.
    tries = models.PositiveIntegerField(_("tries"), default=0)
    # How often a worker stopped while it had this among others; enough park it.
    strikes = models.PositiveSmallIntegerField(_("strikes"), default=0)
    # A limit makes it wait: nobody takes it before.
    held_until_at = models.DateTimeField(_("waits until"), null=True, blank=True)
    planned_at = models.DateTimeField(_("planned at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("cancelled by"),
    )

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        constraints = [
            # The customer first, whose deliveries are asked for too.
            models.UniqueConstraint(fields=["customer", "step"], name="one_delivery_of_a_step"),
            models.CheckConstraint(
                condition=~models.Q(state__in=UNSENT_STATES) | ~models.Q(reason=""),
                name="an_unsent_delivery_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=DeliveryState.HANDED_OVER)
                | models.Q(message__isnull=False),
                name="a_delivery_handed_over_has_a_message",
            ),
        ]
        # Each takes its time whenever a delivery is planned, and again when it is handed over.
        indexes = [
            # A step's deliveries mostly stand together; only who deletes a step asks for them.
            BrinIndex(fields=["step"], autosummarize=True, name="delivery_by_step"),
            # What has been tried already waits behind the others, lest it take them along.
            models.Index(
                fields=["campaign", "strikes", "id"],
                condition=models.Q(state=DeliveryState.PLANNED),
                name="delivery_to_claim",
            ),
            models.Index(fields=["campaign", "state", "reason"], name="delivery_balance"),
            models.Index(
                fields=["cancelled_by"],
                condition=models.Q(cancelled_by__isnull=False),
                name="delivery_by_canceller",
            ),
        ]
        permissions = [("cancel_delivery", _("Can cancel a planned delivery"))]

    def __str__(self) -> str:
        return f"{self.get_state_display()} #{self.pk}"
