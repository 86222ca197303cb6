"""Tracking: who opened, clicked, unsubscribed; each on the timeline once, machines aside."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Func

from crm import changes, consent, events, messages, templates
from crm.choices import MessageState, Purpose
from crm.models import Message, TrackedLink
from crm.rendering import RenderError
from crm.rendering.slots import SLOT_SPAN

# Programs that follow links on their own: scanners, previews, crawlers, command lines.
_MACHINES = re.compile(
    r"bot\b|crawl|spider|preview|scan|monitor|slurp|curl|wget|python|java/|httpclient|okhttp|"
    r"headless|barracuda|proofpoint|mimecast|safelinks|facebookexternalhit|go-http",
    re.IGNORECASE,
)
_SAFE_ADDRESS = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)


class NotFound(LookupError):  # noqa: N818 - it names what happened
    """There is no such message or link any more."""


def is_machine(*, user_agent: str) -> bool:
    """Whether a program, not a person, follows a link; who says nothing is a program."""
    return not user_agent.strip() or bool(_MACHINES.search(user_agent))


def open_message(*, message_id: int, user_agent: str, now: datetime) -> None:
    """Note that a person opened a message."""
    if is_machine(user_agent=user_agent):
        # A machine that looks into a mail shows that there is one, and no more.
        messages.note_arrival(message_id=message_id, now=now)
        return
    found = Message.objects.filter(pk=message_id).values("customer_id", "state", "channel").first()
    if found is None:
        return
    _first(message_id, "opened_at", found["customer_id"], now)
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
    if is_machine(user_agent=user_agent):
        _settle_doubt(message_id, found["state"], now)
    else:
        _first(message_id, "clicked_at", found["customer_id"], now)
        detail = {"url": url, "position": position}
        _note(message_id, found, "clicked", f":{position}", detail, now)
    return url


def unsubscribe(*, message_id: int, source: str, now: datetime) -> Message:
    """Withdraw consent for what a message was about, on the channel that it came by."""
    message = _message(message_id)
    consent.withdraw(
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=_withdrawn(message.purpose),
        source=source,
        proof={"message_id": message_id},
        now=now,
    )
    _settle_doubt(message_id, message.state, now)
    return message


def receiver(*, message_id: int) -> int:
    """The customer that a message was sent to."""
    return _message(message_id).customer_id


def language(*, message_id: int) -> str:
    """The language that the receiver of a message reads."""
    found = Message.objects.filter(pk=message_id).values_list("customer__language", flat=True)
    return found.first() or "en"


def channel(*, message_id: int) -> str:
    """The channel that a message came by."""
    return _message(message_id).channel


def _withdrawn(purpose: str) -> str:
    """What ends; a message that needed no consent stands for the marketing it mentions."""
    return purpose if Purpose(purpose).needs_consent else Purpose.MARKETING


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


@transaction.atomic
def _first(message_id: int, column: str, customer_id: int, now: datetime) -> None:
    first = Func(F(column), now, function="COALESCE")
    Message.objects.filter(pk=message_id).update(**{column: first})
    changes.note(customer_ids=[customer_id], subjects=(changes.MESSAGE,), now=now)


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
    if state in (MessageState.IN_DOUBT, MessageState.SENDING):
        messages.note_arrival(message_id=message_id, now=now)
