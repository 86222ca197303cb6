"""What passes between those who write messages and those who send them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from crm import accounts
from crm import links as signing
from crm.choices import Author
from crm.rendering import LinkContext


@dataclass(frozen=True, slots=True)
class Draft:
    """A message ready to be written down and handed over; its id is reserved beforehand."""

    message_id: int
    customer_id: int
    channel: str
    purpose: str
    address: str
    key: str
    author: str = Author.CAMPAIGN
    subject: str = ""
    html: str = ""
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    source_kind: str = ""
    source_id: int | None = None
    template_version_id: int | None = None
    variables: Mapping[str, Any] | None = None
    body_hash: str = ""
    conversation_id: int | None = None
    staff_id: int | None = None
    # The name of the account it goes by; empty: the one that carries its channel.
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a message fared, in our words; a failure with `retry_after` may be tried again."""

    message_id: int
    state: str
    reason: str = ""
    detail: str = ""
    provider: str = ""
    provider_message_id: str = ""
    occurred_at: datetime | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a batch that was handed over."""

    outcomes: tuple[Settlement, ...] = ()


def reserve_ids(*, count: int) -> list[int]:
    """Draw ids for messages to come, so that their links can be signed before the rows exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('crm_message', 'id')) "
            "FROM generate_series(1, %s)",
            [count],
        )
        return [row[0] for row in cursor.fetchall()]


def links(*, message_id: int) -> LinkContext:
    """The signed addresses that one message carries."""
    urls = signing.urls_for(
        message_id=message_id, base_url=settings.PUBLIC_URL, key=accounts.link_keys()[0]
    )
    return LinkContext(
        unsubscribe_url=urls.unsubscribe_url,
        preferences_url=urls.preferences_url,
        view_url=urls.view_url,
        click_url=urls.click_url,
        pixel_url=urls.pixel_url,
    )


def unsubscribe_link(*, message_id: int) -> str:
    """The signed way out alone, for the header of a mail."""
    token = signing.sign(purpose=signing.UNSUBSCRIBE, value=message_id, key=accounts.link_keys()[0])
    return f"{settings.PUBLIC_URL}/u/{token}"


def body_hash(*, subject: str, html: str, text: str) -> str:
    """A fingerprint of everything a customer sees of a message."""
    return hashlib.sha256("\0".join((subject, html, text)).encode()).hexdigest()
