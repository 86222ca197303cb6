"""Signed links: opaque tokens that open one purpose for one row, and their addresses.

A token is 24 bytes in URL-safe base64 (32 characters): a 128-bit HMAC-SHA256 of purpose and value,
then the value hidden under a stream derived from that HMAC. Ids do not show, nothing can be
altered, and a token made for one purpose never opens another.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass

CLICK = "click"
OPEN = "open"
UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"
VIEW = "view"
# For a decision of the ledger, and for a privacy request.
CONFIRM = "confirm"
DATA = "data"
PURPOSES = frozenset({CLICK, OPEN, UNSUBSCRIBE, PREFERENCES, VIEW, CONFIRM, DATA})

_MAC_BYTES = 16
_VALUE_BYTES = 8
_TOKEN_LENGTH = 32


class BadToken(ValueError):  # noqa: N818 - it names the thing, as the views say it
    """The token was not made by us for this purpose."""


@dataclass(frozen=True, slots=True)
class MessageUrls:
    """The addresses one message carries; `click_url` ends in a slash and wants a position."""

    click_url: str
    pixel_url: str
    unsubscribe_url: str
    preferences_url: str
    view_url: str


def sign(*, purpose: str, value: int, key: bytes) -> str:
    """Make the token that stands for `value` (0 to 2**63 - 1) under one purpose."""
    if purpose not in PURPOSES:
        raise ValueError(f"Unknown link purpose {purpose!r}; one of {', '.join(sorted(PURPOSES))}.")
    plain = value.to_bytes(_VALUE_BYTES, "big")
    mac = _mac(key, purpose, plain)
    return urlsafe_b64encode(mac + _hide(key, mac, plain)).decode()


def unsign(*, purpose: str, token: str, keys: Sequence[bytes]) -> int:
    """Read a token back with any of the keys (the newest first), or raise BadToken."""
    raw = _decode(token)
    mac = raw[:_MAC_BYTES]
    for key in keys:
        plain = _hide(key, mac, raw[_MAC_BYTES:])
        if hmac.compare_digest(mac, _mac(key, purpose, plain)):
            return int.from_bytes(plain, "big")
    raise BadToken("The link is not one of ours.")


def urls_for(
    *, message_id: int, base_url: str, key: bytes, purposes: Collection[str] = PURPOSES
) -> MessageUrls:
    """Build the addresses that one message carries; those of other purposes stay empty."""
    base = base_url.rstrip("/")

    def url(letter: str, purpose: str, end: str = "") -> str:
        if purpose not in purposes:
            return ""
        return f"{base}/{letter}/{sign(purpose=purpose, value=message_id, key=key)}{end}"

    return MessageUrls(
        click_url=url("c", CLICK, "/"),
        pixel_url=url("o", OPEN),
        unsubscribe_url=url("u", UNSUBSCRIBE),
        preferences_url=url("p", PREFERENCES),
        view_url=url("v", VIEW),
    )


_LABELS = {purpose: f"link:{purpose}:".encode() for purpose in PURPOSES}


def _mac(key: bytes, purpose: str, plain: bytes) -> bytes:
    return hmac.digest(key, _LABELS[purpose] + plain, "sha256")[:_MAC_BYTES]


def _hide(key: bytes, mac: bytes, value: bytes) -> bytes:
    stream = hmac.digest(key, b"hide:" + mac, "sha256")[:_VALUE_BYTES]
    return (int.from_bytes(stream, "big") ^ int.from_bytes(value, "big")).to_bytes(
        _VALUE_BYTES, "big"
    )


def _decode(token: str) -> bytes:
    if len(token) != _TOKEN_LENGTH or not token.isascii():
        raise BadToken("The link is incomplete.")
    try:
        raw = urlsafe_b64decode(token)
    except binascii.Error as error:
        raise BadToken("The link is damaged.") from error
    if urlsafe_b64encode(raw).decode() != token:
        raise BadToken("The link is damaged.")
    return raw
