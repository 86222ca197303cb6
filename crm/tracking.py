"""Tracking: who opened, clicked, unsubscribed; each on the timeline once, machines aside."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func

from crm import consent, customers, events, messages, normalise, templates
from crm.choices import Channel, ConsentState, DecisionSource, MessageState, Purpose
from crm.models import Consent, MarketingPause, Message, TrackedLink
from crm.rendering import RenderError
from crm.rendering.slots import SLOT_SPAN

# Programs that follow links on their own: scanners, previews, crawlers, command lines.
_MACHINES = re.compile(
    r"bot\b|crawl|spider|preview|scan|monitor|slurp|curl|wget|python|java/|httpclient|okhttp|"
    r"headless|barracuda|proofpoint|mimecast|safelinks|facebookexternalhit|go-http",
    re.IGNORECASE,
)
_SAFE_ADDRESS = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
PAUSE = timedelta(days=30)


class NotFound(LookupError):  # noqa: N818 - it names what happened
    """There is no such message or link any more."""


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """What a customer may decide about one channel."""

    channel: str
    label: Any
    address: str
    is_granted: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the preference page shows of a customer."""

    customer_id: int
    first_name: str
    language: str
    choices: tuple[ChannelChoice, ...]
    paused_until_at: datetime | None


def is_machine(*, user_agent: str) -> bool:
    """Whether a program, not a person, follows a link; who says nothing is a program."""
    return not user_agent.strip() or bool(_MACHINES.search(user_agent))


def open_message(*, message_id: int, user_agent: str, now: datetime) -> None:
    """Note that a person opened a message."""
    if is_machine(user_agent=user_agent):
        return
    found = Message.objects.filter(pk=message_id).values("customer_id", "state", "channel").first()
    if found is None:
        return
    _first(message_id, "opened_at", now)
    _note(message_id, found, "opened", "", {}, now)


def click(*, message_id: int, position: int, user_agent: str, now: datetime) -> str:
    """Note that a person followed a link, and give where it leads; NotFound if nowhere."""
    found = (
        TrackedLink.objects.filter(version__messages__pk=message_id, position=position % SLOT_SPAN)
        .values(
            "url",
            customer_id=F("version__messages__customer_id"),
            state=F("version__messages__state"),
            channel=F("version__messages__channel"),
        )
        .first()
    )
    if found is None:
        raise NotFound("The message has no such link.")
    url = _address(message_id, position, found["url"])
    if not is_machine(user_agent=user_agent):
        _first(message_id, "clicked_at", now)
        detail = {"url": url, "position": position}
        _note(message_id, found, "clicked", f":{position}", detail, now)
    return url


def unsubscribe(*, message_id: int, source: str, now: datetime) -> Message:
    """Withdraw consent for the channel that a message came by."""
    message = _message(message_id)
    consent.withdraw(
        customer_id=message.customer_id,
        channel=message.channel,
        source=source,
        proof={"message_id": message_id},
        now=now,
    )
    _settle_doubt(message_id, message.state, now)
    return message


def preferences(*, message_id: int, now: datetime) -> Preferences:
    """What the receiver of a message has allowed."""
    customer = _message(message_id).customer
    granted = set(
        Consent.objects.filter(
            customer=customer, purpose=Purpose.MARKETING, state=ConsentState.GRANTED
        ).values_list("channel", flat=True)
    )
    addresses = {Channel.EMAIL: customer.email, Channel.SMS: customer.phone}
    in_force = MarketingPause.objects.filter(customer=customer, lifted_at=None, expires_at__gt=now)
    return Preferences(
        customer_id=customer.pk,
        first_name=customer.first_name,
        language=customer.language,
        choices=tuple(
            ChannelChoice(channel, channel.label, _masked(address), channel in granted)
            for channel, address in addresses.items()
            if address
        ),
        paused_until_at=in_force.values_list("expires_at", flat=True).first(),
    )


def choose(*, message_id: int, granted: Collection[str], now: datetime) -> None:
    """Write down what changed on the preference page."""
    known = preferences(message_id=message_id, now=now)
    decisions = [
        consent.NewDecision(
            customer_id=known.customer_id,
            channel=choice.channel,
            purpose=Purpose.MARKETING,
            state=_decided(choice.channel in granted),
            source=DecisionSource.PREFERENCES,
            decided_at=now,
            proof={"message_id": message_id},
        )
        for choice in known.choices
        if choice.is_granted != (choice.channel in granted)
    ]
    consent.decide_many(decisions=decisions, now=now)


def pause(*, message_id: int, now: datetime) -> None:
    """Give the receiver of a message thirty days without marketing; a longer pause stays."""
    known = preferences(message_id=message_id, now=now)
    if known.paused_until_at is not None and known.paused_until_at > now + PAUSE:
        return
    customers.pause(
        customer_id=known.customer_id,
        until_at=now + PAUSE,
        reason="Asked for on the preference page",
        by=None,
        now=now,
    )


def language(*, message_id: int) -> str:
    """The language that the receiver of a message reads."""
    found = Message.objects.filter(pk=message_id).values_list("customer__language", flat=True)
    return found.first() or "en"


def _decided(is_granted: object) -> str:
    return ConsentState.GRANTED if is_granted else ConsentState.WITHDRAWN


def _message(message_id: int) -> Message:
    message = Message.objects.select_related("customer").filter(pk=message_id).first()
    if message is None:
        raise NotFound("The message is not here any more.")
    return message


def _address(message_id: int, position: int, url: str) -> str:
    """Where a link leads; one that holds Jinja is rendered again for this very message."""
    if "{{" in url or "{%" in url:
        message = Message.objects.select_related("template_version__template").get(pk=message_id)
        assert message.template_version is not None
        compiled = templates.compiled(version=message.template_version)
        known = messages.thaw(value=message.variables or {})
        try:
            url = compiled.render_link(position=position, variables=known)
        except (LookupError, RenderError) as error:
            raise NotFound("The link leads nowhere any more.") from error
    if not _SAFE_ADDRESS.match(url):
        raise NotFound("The link does not lead to a web address.")
    return url


def _first(message_id: int, column: str, now: datetime) -> None:
    first = Func(F(column), now, function="COALESCE")
    Message.objects.filter(pk=message_id).update(**{column: first})


def _note(
    message_id: int,
    found: Mapping[str, Any],
    what: str,
    which: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> None:
    event = events.NewEvent(
        customer_id=found["customer_id"],
        name=f"message.{what}",
        occurred_at=now,
        key=f"message:{message_id}:{what}{which}",
        properties={"message_id": message_id, "channel": found["channel"], **detail},
    )
    events.record(event=event, now=now)
    _settle_doubt(message_id, found["state"], now)


def _settle_doubt(message_id: int, state: str, now: datetime) -> None:
    """Who opens or follows a message has got it."""
    if state == MessageState.IN_DOUBT:
        settled = messages.Settlement(message_id, MessageState.DELIVERED)
        messages.settle_many(outcomes=[settled], now=now)


def _masked(address: str) -> str:
    """An address that its owner recognises and nobody else learns."""
    if normalise.email(address):
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}…@{domain}"
    return f"…{address[-3:]}"
