"""The preference centre: per channel and purpose, how often, and a rest of thirty days."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from crm import consent, customers, tracking
from crm.choices import Channel, ConsentState, DecisionSource, IdentityKind, Purpose
from crm.models import Consent, ContactPreference, Customer, MarketingPause

PAUSE = timedelta(days=30)
# What customers choose from: at most so many messages in so many days; 0 is no limit.
FREQUENCIES: Mapping[str, tuple[int, int, Any]] = {
    "any": (0, 0, gettext_lazy("Whenever there is something")),
    "weekly": (1, 7, gettext_lazy("Once a week at most")),
    "monthly": (1, 30, gettext_lazy("Once a month at most")),
}
# What they let us note of their opening and clicking, in the words of a person.
TRACKING: Mapping[str, Any] = {
    "": gettext_lazy("You may see what I open and click"),
    "aggregate": gettext_lazy("You may count it, but not by my name"),
    "off": gettext_lazy("Note nothing: no pictures that tell, plain links"),
}


@dataclass(frozen=True, slots=True)
class PurposeChoice:
    """One box of the page: a purpose on a channel, and where its consent stands."""

    key: str
    label: Any
    is_granted: bool
    is_pending: bool


@dataclass(frozen=True, slots=True)
class ChannelChoices:
    """What a customer may decide about one channel."""

    channel: str
    label: Any
    address: str
    purposes: tuple[PurposeChoice, ...]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the preference page shows of a customer."""

    customer_id: int
    first_name: str
    language: str
    channels: tuple[ChannelChoices, ...]
    frequency: str
    paused_until_at: datetime | None
    may_end_pause: bool
    tracking: str

    @property
    def keys(self) -> dict[str, bool]:
        """Every box by its key, and whether it is ticked."""
        boxes = (box for channel in self.channels for box in channel.purposes)
        return {box.key: box.is_granted for box in boxes}


def of_customer(*, customer_id: int, now: datetime) -> Preferences:
    """What a customer has allowed, and how often."""
    customer = Customer.objects.get(pk=customer_id)
    rest = MarketingPause.objects.in_force(now=now).filter(customer=customer).first()
    return Preferences(
        customer_id=customer.pk,
        first_name=customer.first_name,
        language=customer.language,
        channels=tuple(_channels(customer)),
        frequency=_frequency(customer),
        paused_until_at=rest.expires_at if rest else None,
        may_end_pause=bool(rest and rest.set_by_id is None),
        tracking=tracking.chosen_mode(customer_id=customer.pk),
    )


@transaction.atomic
def choose(
    *,
    customer_id: int,
    granted: Collection[str],
    proof: Mapping[str, Any],
    now: datetime,
    ip_address: str | None = None,
) -> None:
    """Write down what changed on the preference page, with what the page said.

    Locks the customer, so that a page that is saved twice at once is written down once.
    """
    _lock(customer_id)
    boxes = of_customer(customer_id=customer_id, now=now).keys
    said = _("Choose how we may write to you with news and offers.")
    consent.decide_many(
        decisions=[
            consent.NewDecision(
                customer_id=customer_id,
                channel=key.partition(":")[0],
                purpose=key.partition(":")[2],
                state=ConsentState.GRANTED if key in granted else ConsentState.WITHDRAWN,
                source=DecisionSource.PREFERENCES,
                decided_at=now,
                proof=proof,
                text_shown=said,
                ip_address=ip_address,
            )
            for key, was_granted in boxes.items()
            if was_granted != (key in granted)
        ],
        now=now,
    )


@transaction.atomic
def choose_frequency(*, customer_id: int, frequency: str, now: datetime) -> None:
    """Write down how often a customer wants to hear from us at most. Locks the customer."""
    if frequency not in FREQUENCIES:
        raise ValidationError(_("Choose one of the frequencies."))
    messages, days, _label = FREQUENCIES[frequency]
    _lock(customer_id)
    if not messages:
        ContactPreference.objects.filter(customer_id=customer_id).delete()
        return
    ContactPreference.objects.update_or_create(
        customer_id=customer_id,
        defaults={"messages": messages, "days": days, "chosen_at": now},
    )


def leave(*, customer_id: int, source: str, proof: Mapping[str, Any], now: datetime) -> None:
    """Write down that a customer wants nothing that needs consent, on no channel."""
    with transaction.atomic():
        for channel in Channel:
            consent.withdraw_all(
                customer_id=customer_id, channel=channel, source=source, proof=proof, now=now
            )


@transaction.atomic
def pause(*, customer_id: int, now: datetime) -> None:
    """Give a customer thirty days without marketing; a longer pause stays. Locks the customer."""
    _lock(customer_id)
    until_at = of_customer(customer_id=customer_id, now=now).paused_until_at
    if until_at is not None and until_at > now + PAUSE:
        return
    customers.pause(
        customer_id=customer_id,
        until_at=now + PAUSE,
        reason=gettext_noop("Asked for on the preference page"),
        by=None,
        now=now,
    )


@transaction.atomic
def go_on(*, customer_id: int, now: datetime) -> None:
    """End a pause that the customer asked for; one that staff set stays. Locks the customer."""
    _lock(customer_id)
    if of_customer(customer_id=customer_id, now=now).may_end_pause:
        customers.lift_pause(customer_id=customer_id, by=None, now=now)


def _lock(customer_id: int) -> None:
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)


def _channels(customer: Customer) -> Iterator[ChannelChoices]:
    states = {
        (row.channel, row.purpose): row.state for row in Consent.objects.filter(customer=customer)
    }
    recognisable = {Channel.EMAIL: _mail(customer.email), Channel.SMS: _phone(customer.phone)}
    if customer.identities.filter(kind=IdentityKind.PUSH).exists():
        recognisable[Channel.PUSH] = _("in your browser")
    if customer.attributes.get("webhook_url"):
        recognisable[Channel.WEBHOOK] = _("your own system")
    for channel, address in recognisable.items():
        if address:
            boxes = (_box(channel, purpose, states) for purpose in Purpose if purpose.needs_consent)
            yield ChannelChoices(channel, channel.label, address, tuple(boxes))


def _box(
    channel: Channel, purpose: Purpose, states: Mapping[tuple[str, str], str]
) -> PurposeChoice:
    state = states.get((channel.value, purpose.value), "")
    return PurposeChoice(
        key=f"{channel.value}:{purpose.value}",
        label=purpose.label,
        is_granted=state == ConsentState.GRANTED,
        is_pending=state == ConsentState.PENDING,
    )


def _frequency(customer: Customer) -> str:
    chosen = ContactPreference.objects.filter(customer=customer).first()
    if chosen is None:
        return "any"
    known = {(messages, days): name for name, (messages, days, _) in FREQUENCIES.items()}
    return known.get((chosen.messages, chosen.days), "")


def _mail(address: str) -> str:
    """An address that its owner recognises and nobody else learns."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at else ""


def _phone(number: str) -> str:
    return number and f"…{number[-3:]}"
