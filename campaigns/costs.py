"""What a broadcast by SMS will cost: people by the beginning of their number, SMS, and prices."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaigns import audiences, ways_out
from campaigns.models import Campaign, Step
from crm import accounts, messages, templates
from crm.channels import segments, sms_text
from crm.channels.base import Account
from crm.choices import Channel
from crm.models import Customer
from crm.rendering import RenderError


@dataclass(frozen=True, slots=True)
class Part:
    """Those whose numbers begin alike, and what one SMS to them costs."""

    beginning: str
    people: int
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """About what a launch will cost; `segments` are the SMS that a text makes, on average."""

    amount: Decimal
    currency: str
    segments: float
    encoding: str
    parts: tuple[Part, ...]
    unpriced: int


def estimate(*, campaign: Campaign, card: audiences.AudienceCard, now: datetime) -> Cost | None:
    """The cost by the prices of the account that carries it; nothing where it has none.

    The texts of the sample are measured as they would leave: with cheaper letters and the way out.
    """
    step = campaign.steps.select_related("template").order_by("position").first()
    if step is None or step.channel != Channel.SMS:
        return None
    order = accounts.in_order(channel=Channel.SMS, purpose=campaign.purpose)
    prices = sms_text.prices(order[0].account) if order else {}
    lengths = list(_lengths(campaign, step, card, order[0].account, now)) if prices else []
    if not lengths:
        return None
    each = Decimal(sum(one.segments for one in lengths)) / len(lengths)
    parts = tuple(_parts(campaign, prices, each, now))
    is_gsm = all(one.encoding == segments.GSM_7 for one in lengths)
    return Cost(
        amount=sum((part.amount for part in parts), Decimal()),
        currency=order[0].account.option("currency", "USD"),
        segments=float(each),
        encoding=segments.GSM_7 if is_gsm else segments.UCS_2,
        parts=parts,
        unpriced=max(0, card.reachable - sum(part.people for part in parts)),
    )


def as_sent(*, campaign: Campaign, customer: Customer, text: str) -> str:
    """A text to somebody as it leaves by the account that carries it now."""
    order = accounts.in_order(channel=Channel.SMS, purpose=campaign.purpose)
    return _as_sent(text, campaign, customer, order[0].account) if order else text


def _lengths(
    campaign: Campaign,
    step: Step,
    card: audiences.AudienceCard,
    account: Account,
    now: datetime,
) -> Iterator[segments.SmsLength]:
    """How long the texts of the sample are; who cannot be rendered is passed over."""
    version = step.template_version or templates.latest(template_id=step.template_id)
    for customer in card.sample if version else ():
        assert version is not None
        try:
            shown = templates.preview_version(version=version, customer_id=customer.pk, now=now)
        except RenderError:
            continue
        yield segments.measure(_as_sent(shown.text, campaign, customer, account))


def _as_sent(text: str, campaign: Campaign, customer: Customer, account: Account) -> str:
    whole = messages.text_as_sent(
        text=text,
        channel=Channel.SMS,
        purpose=campaign.purpose,
        number=customer.phone,
        account=account,
        own=ways_out.own_words(campaign=campaign, number=customer.phone),
    )
    return segments.smart(whole) if account.option("smart_characters") == "yes" else whole


def _parts(
    campaign: Campaign, prices: dict[str, Decimal], each: Decimal, now: datetime
) -> Iterator[Part]:
    found = audiences.reached_by_number(campaign=campaign, beginnings=prices, now=now)
    for beginning, people in sorted(found.items()):
        price = prices[beginning]
        yield Part(beginning, people, price, people * each * price)
