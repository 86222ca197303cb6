"""Privacy modes: the strictest of what the house, the template and the person say."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm.models import Customer, Template, TrackingRefusal
from crm.tracking_choices import TrackingMode

# The strictest first.
_ORDER = tuple(TrackingMode.values)
_REFUSED = """
    SELECT customer_id FROM crm_trackingrefusal WHERE mode = 'off' AND customer_id = ANY(%s)
"""


def strictest(*, modes: Iterable[str]) -> str:
    """The strictest of some modes and the house's; who says nothing follows the others."""
    said = [mode for mode in (house(), *modes) if mode]
    return min(said, key=_ORDER.index)


def house() -> str:
    """What is noted where nobody says otherwise; a word that means nothing notes nothing."""
    mode = str(settings.TRACKING_MODE)
    return mode if mode in _ORDER else TrackingMode.OFF.value


def untracked(*, template: Template, customer_ids: Collection[int]) -> frozenset[int]:
    """Those who get a template without picture and with plain links."""
    if strictest(modes=[template.tracking]) == TrackingMode.OFF:
        return frozenset(customer_ids)
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED, [list(customer_ids)])
        return frozenset(customer_id for (customer_id,) in cursor.fetchall())


def chosen_mode(*, customer_id: int) -> str:
    """What a person lets us note at most; empty where they said nothing."""
    rows = TrackingRefusal.objects.filter(customer_id=customer_id)
    return min(rows.values_list("mode", flat=True), key=_ORDER.index, default="")


@transaction.atomic
def choose_mode(*, customer_id: int, mode: str, now: datetime) -> None:
    """Write down what a person lets us note at most; empty: what the house notes.

    Locks the customer. It holds for what was sent already, too.
    """
    if mode == TrackingMode.PERSONAL:
        mode = ""
    if mode and mode not in _ORDER:
        raise ValidationError(_("Choose off, aggregate or nothing."))
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    if chosen_mode(customer_id=customer_id) == mode:
        return
    TrackingRefusal.objects.filter(customer_id=customer_id).delete()
    if mode:
        TrackingRefusal.objects.create(customer_id=customer_id, mode=mode, refused_at=now)
