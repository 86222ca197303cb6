"""What campaigns add to the customer page: this person's deliveries."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from campaigns.choices import DeliveryState
from campaigns.models import Delivery
from crm.admin.parts import Panel
from crm.models import Customer

SHOWN = 15


def deliveries(customer: Customer, request: HttpRequest) -> Panel:
    """The newest deliveries with state and reason; planned ones can be cancelled."""
    rows = (
        Delivery.objects.filter(customer=customer)
        .select_related("campaign", "step", "message", "cancelled_by")
        .order_by("-id")[:SHOWN]
    )
    context = {
        "customer": customer,
        "deliveries": list(rows),
        "planned": DeliveryState.PLANNED,
        "may_cancel": request.user.has_perm("campaigns.cancel_delivery"),
        "is_visible": request.user.has_perm("campaigns.view_delivery"),
    }
    return Panel(_("Deliveries"), "admin/campaigns/customer_deliveries.html", context)
