"""DKIM: signatures that say whose a mail is (RFC 6376, with Ed25519 by RFC 8463).

Headers are signed relaxed, the body simple. A mail with two signers is read and hashed once, and
what does not change from mail to mail is written once.
"""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

RSA = "rsa-sha256"
ED25519 = "ed25519-sha256"
RSA_BITS = 2048
# As they stand in h=. Those without which a mail could be shown as another are named once more
# than they occur: a second one that somebody adds breaks the signature.
_SIGNED = {
    b"from": b"From",
    b"to": b"To",
    b"subject": b"Subject",
    b"date": b"Date",
    b"message-id": b"Message-ID",
    b"reply-to": b"Reply-To",
    b"mime-version": b"MIME-Version",
    b"content-type": b"Content-Type",
    b"list-unsubscribe": b"List-Unsubscribe",
    b"list-unsubscribe-post": b"List-Unsubscribe-Post",
    b"list-id": b"List-Id",
    b"feedback-id": b"Feedback-ID",
}
_OVERSIGNED = (b"from", b"to", b"subject")
_PIECE = 72
# Mails of different shapes are few: one with every header, one with fewer.
_SHAPES_KEPT = 64


@dataclass(frozen=True, slots=True)
class NewPair:
    """A fresh pair of keys: the private one as PEM, the record that tells the world the other."""

    private: str = field(repr=False)
    record: str


@dataclass(eq=False, slots=True)
class Signer:
    """One key of one domain, ready to sign; the key itself cannot be seen."""

    domain: str
    selector: str
    algorithm: str
    sign_digest: Callable[[bytes], bytes] = field(repr=False)
    _shapes: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict, repr=False)

    def written(self, names: bytes, body_hash: bytes, headers: Any, second: int) -> bytes:
        """The DKIM-Signature field for a mail whose headers are hashed so far."""
        start, middle, canonical_start, canonical_middle = self._shape(names)
        moment = b"%d" % second
        hashed = headers.copy()
        hashed.update(b"".join((canonical_start, moment, canonical_middle, body_hash, b"; b=")))
        mark = base64.b64encode(self.sign_digest(hashed.digest()))
        pieces = [mark[at : at + _PIECE] for at in range(0, len(mark), _PIECE)]
        end = b"\r\n ".join(pieces)
        return b"".join((start, moment, middle, body_hash, b";\r\n b=", end, b"\r\n"))

    def _shape(self, names: bytes) -> tuple[bytes, ...]:
        """What comes before the moment and before the hash of the body, as sent and as signed."""
        known = self._shapes.get(names)
        if known:
            return known
        if len(self._shapes) >= _SHAPES_KEPT:
            self._shapes.clear()
        start = (
            f"v=1; a={self.algorithm}; c=relaxed/simple;\r\n d={self.domain}; s={self.selector};"
            "\r\n t="
        ).encode("ascii")
        middle = b";\r\n h=" + _folded(names) + b";\r\n bh="
        shape = (
            b"DKIM-Signature: " + start,
            middle,
            b"dkim-signature:" + start.replace(b"\r\n", b""),
            middle.replace(b"\r\n", b""),
        )
        self._shapes[names] = shape
        return shape


def new_pair(*, algorithm: str) -> NewPair:
    """Make a pair of keys."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    key: Ed25519PrivateKey | RSAPrivateKey
    if algorithm == ED25519:
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return NewPair(private=pem.decode(), record=_record(key))


def signer(*, domain: str, selector: str, private: str) -> Signer:
    """A signer with this key; the domain and the selector are plain ASCII."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private.encode(), password=None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Signer(domain, selector, ED25519, key.sign)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("DKIM signs with RSA and Ed25519 only.")
    padded, digested = padding.PKCS1v15(), utils.Prehashed(hashes.SHA256())
    sign = key.sign
    return Signer(domain, selector, RSA, lambda digest: sign(digest, padded, digested))


def fresh_signer(*, domain: str, algorithm: str = ED25519) -> Signer:
    """A signer with a key that nobody knows: for measuring and for trying out."""
    pair = new_pair(algorithm=algorithm)
    return signer(domain=domain, selector="fresh", private=pair.private)


def signed(mail: bytes, signers: Sequence[Signer]) -> bytes:
    """The mail with a signature of each signer before it.

    The mail is as it will be read: lines end in CRLF, dots are not stuffed yet.
    """
    end = mail.find(b"\r\n\r\n")
    head, start = (mail[:end], end + 4) if end >= 0 else (mail, len(mail))
    names, canonical = _canonical(head)
    body_hash = base64.b64encode(_body_digest(mail, start))
    hashed = sha256(canonical)
    second = int(time.time())
    fields = [one.written(names, body_hash, hashed, second) for one in signers]
    return b"".join((*fields, mail))


def _canonical(head: bytes) -> tuple[bytes, bytes]:
    """The names for h=, and the signed headers in that order in their relaxed form."""
    if b"\n " in head or b"\n\t" in head:
        head = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    fields = [field for line in head.split(b"\r\n") if (field := _field(line))]
    names, order = _order(tuple([name for name, _ in fields]))
    return names, b"".join([fields[place][1] for place in order])


# Most headers are the same in all mails of a batch, and all have them in the same order.
@lru_cache(maxsize=512)
def _field(line: bytes) -> tuple[bytes, bytes] | None:
    """The name of a header and how it is signed; nothing for one that is not."""
    name, _, value = line.partition(b":")
    name = name.strip(b" \t").lower()
    return (name, name + b":" + _relaxed(value) + b"\r\n") if name in _SIGNED else None


@lru_cache(maxsize=_SHAPES_KEPT)
def _order(found: tuple[bytes, ...]) -> tuple[bytes, tuple[int, ...]]:
    """The names for h=, and the places of the headers in that order."""
    names: list[bytes] = []
    places: list[int] = []
    for name, written in _SIGNED.items():
        named = [place for place, one in enumerate(found) if one == name]
        names += [written] * len(named)
        # Of several, the one at the bottom is meant first.
        places += reversed(named)
    names += [_SIGNED[name] for name in _OVERSIGNED]
    return b":".join(names), tuple(places)


def _relaxed(value: bytes) -> bytes:
    if b"\t" in value:
        value = value.replace(b"\t", b" ")
    while b"  " in value:
        value = value.replace(b"  ", b" ")
    return value.strip(b" ")


def _body_digest(mail: bytes, start: int) -> bytes:
    """The hash of the body without the empty lines at its end; it ends in one CRLF."""
    end = len(mail)
    while end - start >= 4 and mail[end - 4 : end] == b"\r\n\r\n":
        end -= 2
    hashed = sha256(memoryview(mail)[start:end])
    if not mail.endswith(b"\r\n", start, end):
        hashed.update(b"\r\n")
    return hashed.digest()


def _folded(names: bytes) -> bytes:
    lines, current = [], b""
    for name in names.split(b":"):
        if len(current) + len(name) > _PIECE:
            lines.append(current)
            current = b""
        current += name + b":"
    return b"\r\n ".join((*lines, current.removesuffix(b":")))


def _record(key: "Ed25519PrivateKey | RSAPrivateKey") -> str:
    """What the world finds under the selector."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw, kind = public.public_bytes_raw(), "ed25519"
    else:
        kind = "rsa"
        raw = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"
