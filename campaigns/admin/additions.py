"""What campaigns add to crm's screens by name: ready replies, cancelled deliveries, sources."""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.choices import DeliveryState
from campaigns.models import CannedReply, Delivery
from crm.admin.parts import OverrideRow
from crm.models import Conversation, Customer


def ready_replies(conversation: Conversation) -> list[tuple[str, str]]:
    """The canned replies that “/” calls up in the inbox."""
    return list(CannedReply.objects.values_list("shortcut", "text"))


def cancelled_deliveries(customer: Customer, now: datetime) -> list[OverrideRow]:
    """The deliveries to this person that staff cancelled one by one."""
    rows = Delivery.objects.filter(
        customer=customer, state=DeliveryState.CANCELLED, cancelled_by__isnull=False
    ).select_related("campaign", "cancelled_by")
    return [
        OverrideRow(
            what=_("Delivery of “%(campaign)s” cancelled") % {"campaign": row.campaign},
            reason=row.detail or row.get_reason_display(),
            set_by=str(row.cancelled_by),
            created_at=row.decided_at or row.planned_at,
        )
        for row in rows
    ]


def delivery_source(delivery_id: int) -> tuple[str, str]:
    """The delivery that a message belongs to, and its page."""
    found = Delivery.objects.select_related("campaign").filter(pk=delivery_id).first()
    words = str(found.campaign) if found else _("Delivery #%s") % delivery_id
    return words, reverse("admin:campaigns_delivery_change", args=[delivery_id])
