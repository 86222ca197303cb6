"""Signed links: opaque tokens that open one purpose for one row, and their addresses.

A token is 24 bytes in URL-safe base64 (32 characters): a 128-bit keyed hash of purpose and value,
then the value hidden under a stream derived from that hash. Ids do not show, nothing can be
altered, and a token made for one purpose never opens another.

The hash is BLAKE2b (RFC 7693). Links of mails sent before 2026-11 have HMAC-SHA256 in its place:
they are still read.
"""

import binascii
import hmac
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from itertools import repeat
from typing import NamedTuple

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


class MessageUrls(NamedTuple):
    """The addresses one message carries; `click_url` ends in a slash and wants a position."""

    unsubscribe_url: str
    preferences_url: str
    view_url: str
    click_url: str
    pixel_url: str


def sign(*, purpose: str, value: int, key: bytes) -> str:
    """Make the token that stands for `value` (0 to 2**63 - 1) under one purpose."""
    if purpose not in PURPOSES:
        raise ValueError(f"Unknown link purpose {purpose!r}; one of {', '.join(sorted(PURPOSES))}.")
    return _token(_hashes(key), purpose, value.to_bytes(_VALUE_BYTES, "big"))


def unsign(*, purpose: str, token: str, keys: Sequence[bytes]) -> int:
    """Read a token back with any of the keys (the newest first), or raise BadToken."""
    raw = _decode(token)
    mac, hidden = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    for key in keys:
        hashes = _hashes(key)
        plain = _hide(hashes, mac, hidden)
        if compare_digest(mac, _digest(hashes[purpose], plain)):
            return int.from_bytes(plain, "big")
        plain = _hide_as_before(key, mac, hidden)
        if compare_digest(mac, _mac_as_before(key, purpose, plain)):
            return int.from_bytes(plain, "big")
    raise BadToken("The link is not one of ours.")


def urls_for_many(
    *,
    message_ids: Collection[int],
    base_url: str,
    key: bytes,
    purposes: Collection[str] = PURPOSES,
) -> Iterator[MessageUrls]:
    """Build the addresses that each message carries; those of other purposes stay empty."""
    base, hashes = base_url.rstrip("/"), _hashes(key)
    columns = [
        _addresses(f"{base}/{letter}/", hashes[purpose], hashes[_HIDE], end, message_ids)
        if purpose in purposes
        else repeat("", len(message_ids))
        for letter, purpose, end in _ADDRESSES
    ]
    return map(MessageUrls, *columns)


def _addresses(
    begin: str, signs: "blake2b", hides: "blake2b", end: str, message_ids: Iterable[int]
) -> list[str]:
    """The addresses of one purpose: as `_token`, without a call for each."""
    found, number = [], int.from_bytes
    for message_id in message_ids:
        signing, hiding = signs.copy(), hides.copy()
        signing.update(message_id.to_bytes(_VALUE_BYTES, "big"))
        mac = signing.digest()
        hiding.update(mac)
        hidden = number(hiding.digest(), "big") ^ message_id
        raw = mac + hidden.to_bytes(_VALUE_BYTES, "big")
        token = b2a_base64(raw, newline=False).translate(_URL_SAFE).decode()
        found.append(f"{begin}{token}{end}")
    return found


# In the order of MessageUrls.
_ADDRESSES = (
    ("u", UNSUBSCRIBE, ""),
    ("p", PREFERENCES, ""),
    ("v", VIEW, ""),
    ("c", CLICK, "/"),
    ("o", OPEN, ""),
)
_HIDE = "hide"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=16)
def _hashes(key: bytes) -> dict[str, "blake2b"]:
    """A hash for each purpose, and one to hide by, begun with the key and its name."""
    master = blake2b(key).digest()
    return {
        name: blake2b(
            key=blake2b(f"link:{name}".encode(), key=master).digest(),
            digest_size=_VALUE_BYTES if name == _HIDE else _MAC_BYTES,
        )
        for name in (*PURPOSES, _HIDE)
    }


def _token(hashes: dict[str, "blake2b"], purpose: str, plain: bytes) -> str:
    mac = _digest(hashes[purpose], plain)
    return b64encode(mac + _hide(hashes, mac, plain), b"-_").decode()


def _digest(begun: "blake2b", text: bytes) -> bytes:
    one = begun.copy()
    one.update(text)
    return one.digest()


def _hide(hashes: dict[str, "blake2b"], mac: bytes, value: bytes) -> bytes:
    return _mixed(_digest(hashes[_HIDE], mac), value)


def _mixed(stream: bytes, value: bytes) -> bytes:
    mixed = int.from_bytes(stream, "big") ^ int.from_bytes(value, "big")
    return mixed.to_bytes(_VALUE_BYTES, "big")


def _mac_as_before(key: bytes, purpose: str, plain: bytes) -> bytes:
    return hmac.digest(key, f"link:{purpose}:".encode() + plain, "sha256")[:_MAC_BYTES]


def _hide_as_before(key: bytes, mac: bytes, value: bytes) -> bytes:
    return _mixed(hmac.digest(key, b"hide:" + mac, "sha256")[:_VALUE_BYTES], value)


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
