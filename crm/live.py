"""Live updates for open pages: published by any process, streamed by marketing/asgi.py."""

import json
from collections.abc import Mapping
from functools import cache

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from redis import Redis

SALT = "crm.live"
# A page left open longer than this must be loaded again to go on listening.
LONGEST_SECONDS = 24 * 3600


def publish(*, channel: str, data: Mapping[str, object]) -> None:
    """Tell every page that listens to this channel; nobody listening is no error."""
    _client().publish(topic(channel), json.dumps(data))


def address(*, channel: str) -> str:
    """The address of this channel's stream, with the right to listen to it."""
    return f"{settings.LIVE_URL}/live/{channel}?token={token(channel)}"


def token(channel: str) -> str:
    """The right to listen to one channel for a day, to put into a page."""
    return _signer().sign(channel)


def is_allowed(*, channel: str, token: str) -> bool:
    """Whether this token gives the right to listen to this channel."""
    try:
        return _signer().unsign(token, max_age=LONGEST_SECONDS) == channel
    except BadSignature:
        return False


def topic(channel: str) -> str:
    """What the channel is called in Valkey."""
    return f"live:{channel}"


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=SALT)


@cache
def _client() -> Redis:
    return Redis.from_url(settings.REDIS_URL)
