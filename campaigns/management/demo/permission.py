"""What they allow: consents with where and when, who left the list, addresses that bounce."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from crm.choices import Channel, ConsentState, DecisionSource, Purpose, SuppressionReason
from crm.consent import NewDecision, NewSuppression

from .people import Shopper

# Of those who agree, every so manieth also reads the newsletter, answers surveys.
READS_TOO, ANSWERS_TOO = 2, 5
ASKED = 20
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


def unanswered(
    *, shoppers: list[Shopper], ids: list[int], decided: list[NewDecision], now: datetime
) -> list[NewDecision]:
    """Who signed up lately and has not confirmed it yet."""
    known = {(one.customer_id, one.channel) for one in decided}
    found = [
        customer_id
        for customer_id, shopper in zip(ids, shoppers, strict=True)
        if shopper.person.email
        and (customer_id, Channel.EMAIL) not in known
        and shopper.joined_at < now - timedelta(days=20)
    ]
    return [
        NewDecision(
            customer_id,
            Channel.EMAIL,
            Purpose.MARKETING,
            ConsentState.PENDING,
            DecisionSource.SIGN_UP,
            now - timedelta(hours=3 + 9 * nth),
            text_shown="Yes, write to me with news and offers.",
        )
        for nth, customer_id in enumerate(found[:ASKED])
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
        yield from _more(shopper, granted)
        if drawn.random() < LEAVES_THE_LIST:
            yield _taken_back(drawn, granted, now)


def _more(shopper: Shopper, granted: NewDecision) -> Iterator[NewDecision]:
    number = int(shopper.person.external_id.removeprefix("shop-"))
    for purpose, every in ((Purpose.NEWSLETTER, READS_TOO), (Purpose.SURVEY, ANSWERS_TOO)):
        if granted.channel == Channel.EMAIL and number % every == 0:
            yield replace(granted, purpose=purpose)


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
