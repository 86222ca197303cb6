"""Signed links: opaque tokens that open one purpose for one row, and their addresses.

A token is 24 bytes in URL-safe base64 (32 characters): a 128-bit keyed mark of purpose and value,
then the value hidden under a stream derived from that mark. Ids do not show, nothing can be
altered, and a token made for one purpose never opens another.

Mark and stream are AES-256 of one block each, under keys of their own: for a value of one block
that is CBC-MAC, which nobody can forge without the key (Bellare, Kilian, Rogaway 1994), and a batch
takes one call of it. Links of mails sent before 2026-12 have BLAKE2b in its place, those before
2026-11 HMAC-SHA256: they are still read.
"""

import binascii
import hmac
from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CLICK = "click"
OPEN = "open"
UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"
VIEW = "view"
# For a decision of the ledger, and for a privacy request.
CONFIRM = "confirm"
DATA = "data"
PURPOSES = frozenset({CLICK, OPEN, UNSUBSCRIBE, PREFERENCES, VIEW, CONFIRM, DATA})

_MARK_BYTES = _BLOCK_BYTES = 16
_VALUE_BYTES = 8
_REST = bytes(_BLOCK_BYTES - _VALUE_BYTES)
_KEY_BYTES = 32
_TOKEN_LENGTH = 32


class BadToken(ValueError):  # noqa: N818 - it names the thing, as the views say it
    """The token was not made by us for this purpose."""


class MessageUrls(NamedTuple):
    """The addresses that messages carry, each kind in a list: one for every message, in order.

    Those of clicks end in a slash and want a position.
    """

    unsubscribe_urls: list[str]
    preferences_urls: list[str]
    view_urls: list[str]
    click_urls: list[str]
    pixel_urls: list[str]


def sign(*, purpose: str, value: int, key: bytes) -> str:
    """Make the token that stands for `value` (0 to 2**63 - 1) under one purpose."""
    if purpose not in PURPOSES:
        raise ValueError(f"Unknown link purpose {purpose!r}; one of {', '.join(sorted(PURPOSES))}.")
    return _tokens(_blocks([value]), purpose, key)


def unsign(*, purpose: str, token: str, keys: Sequence[bytes]) -> int:
    """Read a token back with any of the keys (the newest first), or raise BadToken."""
    raw = _decode(token)
    mark, hidden = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
    for key in keys:
        for marked, stream in _WAYS:
            plain = _mixed(stream(key, mark), hidden)
            if compare_digest(mark, marked(key, purpose, plain)):
                return int.from_bytes(plain, "big")
    raise BadToken("The link is not one of ours.")


def urls_for_many(
    *,
    message_ids: Collection[int],
    base_url: str,
    key: bytes,
    purposes: Collection[str] = PURPOSES,
) -> MessageUrls:
    """Build the addresses that each message carries; those of other purposes stay empty."""
    base, blocks = base_url.rstrip("/"), _blocks(message_ids)
    return MessageUrls(
        *(
            _addresses(f"{base}/{letter}/", _tokens(blocks, purpose, key), end)
            if purpose in purposes
            else [""] * len(message_ids)
            for letter, purpose, end in _ADDRESSES
        )
    )


def _addresses(begin: str, tokens: str, end: str) -> list[str]:
    places = range(0, len(tokens), _TOKEN_LENGTH)
    return [f"{begin}{tokens[at : at + _TOKEN_LENGTH]}{end}" for at in places]


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


def _blocks(values: Iterable[int]) -> bytes:
    """A block of the cipher for each value, the rest of it empty."""
    return b"".join([value.to_bytes(_VALUE_BYTES, "big") + _REST for value in values])


def _tokens(blocks: bytes, purpose: str, key: bytes) -> str:
    """The tokens of values under one purpose, one after the other."""
    keys = _keys(key)
    marks = _encrypted(keys[purpose], blocks)
    hidden = _mixed(_encrypted(keys[_HIDE], marks), blocks)
    # By eight bytes: both halves of a mark, then the half of a block that has the value.
    mark, value = array("Q", marks), array("Q", hidden)
    raw = array("Q", bytes(len(blocks) // _BLOCK_BYTES * (_MARK_BYTES + _VALUE_BYTES)))
    raw[0::3], raw[1::3], raw[2::3] = mark[0::2], mark[1::2], value[0::2]
    return b2a_base64(raw, newline=False).translate(_URL_SAFE).decode()


def _encrypted(key: bytes, blocks: bytes) -> bytes:
    # Each block is a question of its own, and never the same twice under one key.
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
    return cipher.encryptor().update(blocks)


def _mixed(stream: bytes, text: bytes) -> bytes:
    mixed = int.from_bytes(stream, "big") ^ int.from_bytes(text, "big")
    return mixed.to_bytes(len(text), "big")


@lru_cache(maxsize=16)
def _keys(key: bytes) -> dict[str, bytes]:
    """A key of the cipher for each purpose, and one to hide by."""
    master = blake2b(key).digest()
    return {
        name: blake2b(f"token:{name}".encode(), key=master, digest_size=_KEY_BYTES).digest()
        for name in (*PURPOSES, _HIDE)
    }


def _mark(key: bytes, purpose: str, plain: bytes) -> bytes:
    return _encrypted(_keys(key)[purpose], plain + _REST)


def _stream(key: bytes, mark: bytes) -> bytes:
    return _encrypted(_keys(key)[_HIDE], mark)[:_VALUE_BYTES]


def _blake_mark(key: bytes, purpose: str, plain: bytes) -> bytes:
    return _blake(key, purpose, plain, _MARK_BYTES)


def _blake_stream(key: bytes, mark: bytes) -> bytes:
    return _blake(key, _HIDE, mark, _VALUE_BYTES)


def _blake(key: bytes, name: str, text: bytes, size: int) -> bytes:
    master = blake2b(key).digest()
    own = blake2b(f"link:{name}".encode(), key=master).digest()
    return blake2b(text, key=own, digest_size=size).digest()


def _hmac_mark(key: bytes, purpose: str, plain: bytes) -> bytes:
    return hmac.digest(key, f"link:{purpose}:".encode() + plain, "sha256")[:_MARK_BYTES]


def _hmac_stream(key: bytes, mark: bytes) -> bytes:
    return hmac.digest(key, b"hide:" + mark, "sha256")[:_VALUE_BYTES]


# How tokens are made, and how they were made before.
_WAYS = ((_mark, _stream), (_blake_mark, _blake_stream), (_hmac_mark, _hmac_stream))


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
