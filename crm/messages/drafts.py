"""What passes between those who write messages and those who send them."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from msgspec.structs import replace
from xxhash import xxh3_128

from crm import links as signing
from crm.choices import Author
from crm.rendering import Encoded, LinkContext


# One is made for every message: a struct is made in a quarter of a dataclass's time.
class Draft(msgspec.Struct, frozen=True):
    """A message ready to be written down and handed over; its id is reserved beforehand.

    A mail made of a template has its parts in `mail`, encoded, and not in `html` and `text`.
    """

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
    mail: Encoded | None = None
    # As its own body has it; empty: it is made for the header.
    unsubscribe_url: str = ""


class Settlement(msgspec.Struct, frozen=True):
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
        # The sequence is found once: its name is a question to the catalogue.
        cursor.execute(
            "SELECT nextval(drawn.by) FROM (SELECT pg_get_serial_sequence('crm_message', 'id')"
            "::regclass AS by OFFSET 0) AS drawn, generate_series(1, %s)",
            [count],
        )
        return [row[0] for row in cursor.fetchall()]


def links(*, message_id: int) -> LinkContext:
    """The signed addresses that one message carries."""
    return links_many(message_ids=[message_id])[0]


def links_many(
    *, message_ids: Collection[int], reads: Collection[str] | None = None
) -> list[LinkContext]:
    """The signed addresses that each of these messages carries.

    `reads` are the names that their template reads: of the pages it does not name, only the way
    out is signed, as every mail has it in its header.
    """
    purposes = signing.PURPOSES
    if reads is not None:
        purposes = _TRACKING | {purpose for name, purpose in _PAGES.items() if name in reads}
    urls = signing.urls_for_many(
        message_ids=message_ids, base_url=settings.PUBLIC_URL, key=link_key(), purposes=purposes
    )
    return list(map(LinkContext, *urls, repeat(settings.TRAP_LINK)))


def untracked(*, links: LinkContext) -> LinkContext:
    """The same without the addresses that note anything: no picture, and links that lead home."""
    return replace(links, click_url="", pixel_url="", has_trap=False)


def link_key() -> bytes:
    """The key that new links are signed with."""
    return _as_bytes(settings.SECRET_KEY)


@lru_cache(maxsize=8)
def _as_bytes(key: str) -> bytes:
    return key.encode()


_TRACKING = frozenset({signing.CLICK, signing.OPEN, signing.UNSUBSCRIBE})
_PAGES = {"preferences_url": signing.PREFERENCES, "view_url": signing.VIEW}


def unsubscribe_link(*, message_id: int) -> str:
    """The signed way out alone, for the header of a mail."""
    token = signing.sign(purpose=signing.UNSUBSCRIBE, value=message_id, key=link_key())
    return f"{settings.PUBLIC_URL}/u/{token}"


def mail_hash(*, mail: Encoded) -> str:
    """The same fingerprint of a mail's encoded parts; the mark tells which of the two it is.

    It tells whether the same comes out again, not who made it: XXH3 does that for every mail of a
    campaign in a fiftieth of the time of SHA-256.
    """
    digest = xxh3_128(mail.subject.encode("utf-8", "replace"))
    for part in (mail.html.whole(), mail.text):
        digest.update(b"\0")
        digest.update(part)
    return MAIL_MARK + digest.hexdigest()


def is_hash_of(*, kept: str, mail: Encoded) -> bool:
    """Whether a fingerprint that was kept is that of this mail."""
    if not kept.startswith(_EARLIER_MARK):
        return kept == mail_hash(mail=mail)
    parts = (mail.subject.encode("utf-8", "replace"), mail.html.whole(), mail.text)
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return kept == _EARLIER_MARK + digest[: 64 - len(_EARLIER_MARK)]


def is_of_mail(*, kept: str) -> bool:
    """Whether a fingerprint is one of encoded parts."""
    return kept.startswith((MAIL_MARK, _EARLIER_MARK))


MAIL_MARK = "xxh3:"
# SHA-256, before 2026-12.
_EARLIER_MARK = "mail:"


def body_hash(*, subject: str, html: str, text: str) -> str:
    """A fingerprint of everything a customer sees of a message."""
    return hashlib.sha256("\0".join((subject, html, text)).encode()).hexdigest()
