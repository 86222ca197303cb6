"""The balance of a campaign as rows, bars and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.choices import DeliveryState
from campaigns.models import Campaign
from campaigns.reports import Balance, Progress
from crm.choices import MessageState

GOOD = (MessageState.SENT, MessageState.DELIVERED)
BAD = (MessageState.BOUNCED, MessageState.COMPLAINED, MessageState.FAILED)


@dataclass(frozen=True)
class Row:
    """One line of a table: what, how many, of how many in percent, and where they are listed."""

    title: str
    count: int
    percent: float
    address: str = ""


@dataclass(frozen=True)
class Part:
    """One piece of the progress bar."""

    title: str
    percent: float
    css: str


def balance_rows(campaign: Campaign, balance: Balance) -> list[Row]:
    """Every part of the balance: handed over by fate, each kind of skip, failed, waiting."""
    rows = [
        _row(campaign, balance, MessageState(state).label, count, message__state__exact=state)
        for state, count in balance.handed_over.items()
    ]
    groups: list[tuple[str, Any, Mapping[Any, int]]] = [
        (DeliveryState.SKIPPED, _("Skipped: %(reason)s"), balance.skipped),
        (DeliveryState.FAILED, _("Failed: %(reason)s"), balance.failed),
        (DeliveryState.CANCELLED, _("Cancelled: %(reason)s"), balance.cancelled),
    ]
    for state, pattern, by_reason in groups:
        for reason, count in sorted(by_reason.items(), key=lambda pair: -pair[1]):
            title = pattern % {"reason": reason.label}
            filters = {"state__exact": state, "reason__exact": reason}
            rows.append(_row(campaign, balance, title, count, **filters))
    waiting = DeliveryState.PLANNED
    rows.append(_row(campaign, balance, _("Waiting"), balance.waiting, state__exact=waiting))
    return rows


def result_rows(balance: Balance) -> list[Row]:
    """What came back, in percent of what was sent."""
    counts = [
        (_("Delivered"), balance.delivered),
        (_("Opened"), balance.opened),
        (_("Clicked"), balance.clicked),
        (_("Unsubscribed"), balance.unsubscribed),
        (_("Bounced"), balance.bounced),
    ]
    return [Row(title, count, _percent(count, balance.sent)) for title, count in counts]


def bar_parts(balance: Balance) -> list[Part]:
    """The bar: sent, skipped or cancelled, in doubt, failed; what is left is empty."""
    fate = balance.handed_over
    good = sum(fate.get(state, 0) for state in GOOD)
    bad = sum(fate.get(state, 0) for state in BAD) + sum(balance.failed.values())
    passed_over = sum(balance.skipped.values()) + sum(balance.cancelled.values())
    pieces = [
        (_("Sent: %(count)s"), good, ""),
        (_("In doubt: %(count)s"), balance.in_doubt, "rp-is-warn"),
        (_("Failed or bounced: %(count)s"), bad, "rp-is-bad"),
        (_("Skipped or cancelled: %(count)s"), passed_over, "rp-is-soft"),
    ]
    return [
        Part(title % {"count": count}, _percent(count, balance.planned), css)
        for title, count, css in pieces
        if count
    ]


def time_left(progress: Progress) -> str:
    """How long it will take, roughly, in words; empty where nobody can know."""
    seconds = progress.seconds_left
    if not seconds:
        return ""
    if seconds < 90:
        return ngettext("%(n)d second", "%(n)d seconds", round(seconds)) % {"n": round(seconds)}
    minutes = round(seconds / 60)
    if minutes < 90:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}


def _row(campaign: Campaign, balance: Balance, title: Any, count: int, **filters: str) -> Row:
    query = urlencode({"campaign__id__exact": campaign.pk, **filters})
    address = f"{reverse('admin:campaigns_delivery_changelist')}?{query}"
    return Row(str(title), count, _percent(count, balance.planned), address)


def _percent(count: int, total: int) -> float:
    return 100 * count / total if total else 0.0
