"""What they allow: consents with where and when, who left the list, addresses that bounce."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from crm.choices import Channel, ConsentState, DecisionSource, Purpose, SuppressionReason
from crm.consent import NewDecision, NewSuppression

from .people import Shopper

AGREES = {Channel.EMAIL: 0.78, Channel.SMS: 0.55}
LEAVES_THE_LIST = 0.08
BOUNCES = 0.012


def decisions(
    *, drawn: Random, shoppers: list[Shopper], ids: list[int], now: datetime
) -> list[NewDecision]:
    """Everything they decided, in no particular order."""
    return [
        decision
        for customer_id, shopper in zip(ids, shoppers, strict=True)
        for decision in _of_one(drawn, shopper, customer_id, now)
    ]


def suppressions(*, drawn: Random, shoppers: list[Shopper]) -> list[NewSuppression]:
    """Addresses that sent something back, hard."""
    return [
        NewSuppression(
            channel=Channel.EMAIL,
            address=shopper.person.email,
            reason=SuppressionReason.HARD_BOUNCE,
            detail="550 5.1.1 no such mailbox",
        )
        for shopper in shoppers
        if shopper.person.email and drawn.random() < BOUNCES
    ]


def _of_one(
    drawn: Random, shopper: Shopper, customer_id: int, now: datetime
) -> Iterator[NewDecision]:
    addresses = {Channel.EMAIL: shopper.person.email, Channel.SMS: shopper.person.phone}
    for channel, address in addresses.items():
        if not address or drawn.random() > AGREES[channel]:
            continue
        source = drawn.choices((DecisionSource.SIGN_UP, DecisionSource.CHECKOUT), (3, 2))[0]
        proof = {"form": "newsletter" if source == DecisionSource.SIGN_UP else "checkout"}
        granted = NewDecision(
            customer_id,
            channel,
            Purpose.MARKETING,
            ConsentState.GRANTED,
            source,
            shopper.joined_at,
            proof,
        )
        yield granted
        if drawn.random() < LEAVES_THE_LIST:
            yield _taken_back(drawn, granted, now)


def _taken_back(drawn: Random, granted: NewDecision, now: datetime) -> NewDecision:
    by_mail = granted.channel == Channel.EMAIL
    source = DecisionSource.ONE_CLICK if by_mail else DecisionSource.KEYWORD
    held = (now - granted.decided_at) * drawn.random()
    return NewDecision(
        granted.customer_id,
        granted.channel,
        granted.purpose,
        ConsentState.WITHDRAWN,
        source,
        granted.decided_at + max(held, timedelta(seconds=1)),
    )
