"""Signatures by Standard Webhooks: HMAC-SHA256 over id, timestamp and body."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_BYTES = 24


def draw_secret() -> str:
    """Draw a secret, to be shown once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def sign(*, secret: str, key: str, timestamp: int, body: bytes) -> str:
    """Sign one body for one try."""
    raw = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{key}.{timestamp}.".encode() + body
    digest = hmac.new(raw, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(*, secrets: Sequence[str], key: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What goes with a body; while a secret is being replaced, both sign."""
    signatures = [sign(secret=one, key=key, timestamp=timestamp, body=body) for one in secrets]
    return {
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
