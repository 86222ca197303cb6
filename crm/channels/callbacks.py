"""The signed JSON callback that our own formats share: proof, freshness, reading."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from crm.channels.base import UNKNOWN, CallbackNews, CallbackRefused, CallbackRequest

TIMESTAMP_HEADER = "x-rapport-timestamp"
SIGNATURE_HEADER = "x-rapport-signature"
TOLERANCE = timedelta(minutes=5)


def signature(*, secret: str, timestamp: str, body: bytes) -> str:
    """Sign a callback: HMAC-SHA256 over timestamp, a full stop and the body."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.digest(secret.encode(), signed, "sha256").hex()


def verify(request: CallbackRequest, *, secret: str) -> None:
    """Return if the callback is signed with the secret and no older than five minutes."""
    if not secret:
        raise CallbackRefused("No callback secret is set for this account.")
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    given = request.headers.get(SIGNATURE_HEADER, "")
    wanted = signature(secret=secret, timestamp=timestamp, body=request.body)
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise CallbackRefused("The signature of the callback is wrong or missing.")
    if abs(request.received_at - _moment_of(timestamp)) > TOLERANCE:
        raise CallbackRefused("The callback is too old or from the future.")


def read_json(request: CallbackRequest) -> dict[str, object]:
    """The callback's JSON object."""
    try:
        raw = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise CallbackRefused("The callback is not JSON.") from error
    if not isinstance(raw, dict):
        raise CallbackRefused("The callback is not a JSON object.")
    return raw


def news(
    raw: Mapping[str, object], *, words: Mapping[str, str], received_at: datetime
) -> CallbackNews:
    """A status report in our words; a word we do not know becomes `unknown`."""
    return CallbackNews(
        provider_message_id=text(raw, "id"),
        key=text(raw, "key"),
        kind=words.get(text(raw, "status"), UNKNOWN),
        occurred_at=occurred_at(raw, received_at),
        recipient=text(raw, "to"),
        reason=text(raw, "reason"),
        raw=raw,
    )


def text(raw: Mapping[str, object], name: str) -> str:
    """A text field of a callback, empty where it is missing; NUL has no place in a database."""
    value = raw.get(name)
    return "" if value is None else str(value).replace("\x00", "")


def occurred_at(raw: Mapping[str, object], received_at: datetime) -> datetime:
    """When it happened by the provider's clock, or when we heard of it."""
    try:
        moment = datetime.fromisoformat(text(raw, "occurred_at"))
    except ValueError:
        return received_at
    return moment if moment.tzinfo else received_at


def _moment_of(timestamp: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CallbackRefused("The callback has no valid timestamp.") from error
