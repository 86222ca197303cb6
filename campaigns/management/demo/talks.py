"""What some of them wrote lately: the bot answers what it is sure of, the rest waits for staff."""

from datetime import datetime, timedelta
from typing import NamedTuple

from crm import conversations, customers
from crm.choices import Channel
from crm.conversations import NewInbound

from .people import Shopper


class Said(NamedTuple):
    """Somebody speaking a language wrote this, so many minutes ago."""

    language: str
    channel: str
    minutes_ago: int
    subject: str
    text: str


SAID = (
    Said("en", Channel.EMAIL, 3, "Delivery", "Hello! How long does delivery take to Leeds?"),
    Said("zh-hans", Channel.SMS, 5, "", "你好，快递几天能到？"),
    Said("en", Channel.SMS, 8, "", "are you open on sunday"),
    Said("en", Channel.EMAIL, 14, "My order", "Hi, where is my order? I ordered ten days ago."),
    Said("de", Channel.EMAIL, 25, "Frage", "Passt der Deckel der Teekanne auch auf das Sieb?"),
    Said(
        "en",
        Channel.EMAIL,
        95,
        "Wedding",
        "We are getting married in June and would like eighty small tins of tea with our names "
        "on them. Is that something you could do?",
    ),
    Said("zh-hans", Channel.EMAIL, 130, "茶壶", "收到的商品有破损，壶嘴裂了。"),
    Said("fr", Channel.EMAIL, 300, "Merci", "Merci beaucoup, le thé est délicieux !"),
)
PAUSE = timedelta(days=60)


def write_in(*, shoppers: list[Shopper], now: datetime) -> int:
    """Let each piece be written by somebody who speaks the language and has the channel."""
    writers: set[str] = set()
    for said in SAID:
        shopper = _writer(shoppers, said, writers)
        if shopper is None:
            continue
        writers.add(shopper.person.external_id)
        at = now - timedelta(minutes=said.minutes_ago)
        is_mail = said.channel == Channel.EMAIL
        inbound = NewInbound(
            channel=said.channel,
            sender=shopper.person.email if is_mail else shopper.person.phone,
            subject=said.subject,
            text=said.text,
            occurred_at=at,
            provider="demo",
            provider_message_id=f"demo-{shopper.person.external_id}-{said.minutes_ago}",
        )
        conversations.receive(inbound=inbound, now=at)
    return len(writers)


def pause_one(*, customer_id: int, now: datetime) -> None:
    """Keep marketing from one person for two months, as staff would."""
    customers.pause(
        customer_id=customer_id,
        until_at=now + PAUSE,
        reason="Asked by phone for a quiet summer",
        by=None,
        now=now,
    )


def _writer(shoppers: list[Shopper], said: Said, writers: set[str]) -> Shopper | None:
    for shopper in reversed(shoppers):
        person = shopper.person
        address = person.email if said.channel == Channel.EMAIL else person.phone
        if person.language == said.language and address and person.external_id not in writers:
            return shopper
    return None
