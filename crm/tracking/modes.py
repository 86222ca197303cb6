"""Privacy modes: the strictest of what the house, the template, the source and the person say."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm import extensions
from crm.models import Customer, TrackingRefusal
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


def limits(*, sources: Collection[tuple[str, int | None]]) -> dict[tuple[str, int | None], str]:
    """What apps above let us note at most of messages that belong to them: one question a kind."""
    asked: defaultdict[str, list[int]] = defaultdict(list)
    for kind, source_id in sources:
        if source_id is not None:
            asked[kind].append(source_id)
    known = asked.keys() & set(extensions.tracking_limits.names())
    return {
        (kind, source_id): mode
        for kind in known
        for source_id, mode in extensions.tracking_limits.get(kind)(asked[kind]).items()
    }


def untracked(*, modes: Iterable[str], customer_ids: Collection[int]) -> frozenset[int]:
    """Those who get what is sent under some modes without picture and with plain links."""
    if strictest(modes=modes) == TrackingMode.OFF:
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
