"""Whether a customer can be reached by marketing on each channel, as lists and pages show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm import consent, masking
from crm.choices import Channel, Purpose, Refusal
from crm.models import Customer, veil


@dataclass(frozen=True)
class Reach:
    """One channel of one customer: the address, and why it may not be used."""

    channel: Channel
    address: str
    refusal: str

    @property
    def is_open(self) -> bool:
        """Marketing may go out on this channel."""
        return not self.refusal

    @property
    def why(self) -> Any:
        """The reason in words, empty where the channel is open."""
        return Refusal(self.refusal).label if self.refusal else ""


def of_customers(*, customer_ids: Iterable[int], now: datetime) -> dict[int, list[Reach]]:
    """The reach of many customers on every channel: one statement a channel."""
    ids, is_masked = list(customer_ids), veil.is_drawn()
    found: dict[int, list[Reach]] = {customer_id: [] for customer_id in ids}
    for channel in Channel:
        verdicts = consent.check_many(
            customer_ids=ids, channel=channel, purpose=Purpose.MARKETING, now=now
        )
        for customer_id, verdict in verdicts.items():
            address = masking.address(verdict.address) if is_masked else verdict.address
            found[customer_id].append(Reach(channel, address, verdict.refusal or ""))
    return found


def attach(*, customers: Iterable[Customer], now: datetime) -> None:
    """Give each customer of a page its reach, for the column that shows it."""
    rows = list(customers)
    found = of_customers(customer_ids=[row.pk for row in rows], now=now)
    for row in rows:
        row.reach = found[row.pk]  # type: ignore[attr-defined]
