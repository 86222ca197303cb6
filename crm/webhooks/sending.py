"""Telling: claim what is due, post it side by side, write down what came of it."""

import json
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction

from crm.models import Webhook
from crm.webhooks.signing import headers

if TYPE_CHECKING:
    import httpx

# For a whole call, be it silence or an answer that drips.
ANSWER_SECONDS = 15.0
IN_FLIGHT = 16
# Of one subscriber at a time, so that a slow one keeps nobody waiting.
IN_FLIGHT_EACH = 4
LEASE = timedelta(minutes=2)
# Between the tries: about 28 hours in all.
DELAYS = tuple(timedelta(seconds=n) for n in (5, 300, 1800, 7200, 18_000, 36_000, 36_000))
LONGEST_WAIT = timedelta(hours=24)
# A subscriber who has not heard anything for so long is told nothing more.
PATIENCE = timedelta(days=5)
BOTH_SECRETS_FOR = timedelta(days=1)
GONE = 410
_EXCERPT = 500

_CLAIM = """
    WITH due AS (
        SELECT d.id, w.url, w.secrets, w.rotated_at
        FROM crm_webhook w
        CROSS JOIN LATERAL (
            SELECT id, due_at FROM crm_webhookdelivery
            WHERE webhook_id = w.id AND state = 'due' AND due_at <= %s
              AND (lease_until_at IS NULL OR lease_until_at < %s)
            ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
        ) d
        WHERE w.is_active
        ORDER BY d.due_at LIMIT %s
    )
    UPDATE crm_webhookdelivery claimed
    SET owner = %s, lease_until_at = %s, attempts = attempts + 1
    FROM due WHERE claimed.id = due.id
    RETURNING claimed.id
"""

_SETTLE = """
    UPDATE crm_webhookdelivery d SET
        state = done.state, due_at = done.due_at, delivered_at = done.delivered_at,
        lease_until_at = NULL, log = d.log || done.entry
    FROM jsonb_to_recordset(%s) AS done (id bigint, state text, due_at timestamptz,
        delivered_at timestamptz, entry jsonb)
    WHERE d.id = done.id AND d.owner = %s AND d.state = 'due'
"""

_JUDGE = """
    UPDATE crm_webhook w SET
        failing_since_at = CASE WHEN heard.any_success THEN NULL
            ELSE COALESCE(w.failing_since_at, %s) END,
        is_active = NOT heard.is_gone AND (heard.any_success
            OR COALESCE(w.failing_since_at, %s) > %s),
        stopped_because = CASE
            WHEN heard.is_gone THEN 'The subscriber answered 410 Gone.'
            WHEN NOT heard.any_success AND COALESCE(w.failing_since_at, %s) <= %s
                THEN 'Nothing was delivered for days; the last error: ' || heard.error
            ELSE w.stopped_because END
    FROM jsonb_to_recordset(%s)
         AS heard (id bigint, any_success boolean, is_gone boolean, error text)
    WHERE w.id = heard.id AND w.is_active
"""


@dataclass(frozen=True, slots=True)
class _Due:
    """One thing to tell, with all that its post needs."""

    id: int
    webhook_id: int
    key: str
    body: bytes
    attempts: int
    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one try."""

    due: _Due
    status: int
    milliseconds: int
    error: str = ""
    excerpt: str = ""
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Any 2xx will do."""
        return 200 <= self.status < 300


def deliver_due(*, owner: str, now: datetime) -> int:
    """Claim what is due, tell it, and write down what came of it; gives how many it took.

    Locks what it claims and skips what another worker holds; what a dead worker held is told
    again under the same id when its lease is over.
    """
    claimed = _claim(owner, now)
    if not claimed:
        return 0
    answers = _post_all(claimed, now)
    _settle(answers, owner, now)
    return len(claimed)


def next_due_at(
    *, key: str, attempts: int, now: datetime, retry_after: timedelta | None = None
) -> datetime | None:
    """When the try after so many is due, or never; some tenth sooner or later, by its key."""
    if attempts > len(DELAYS):
        return None
    share = zlib.crc32(f"{key}:{attempts}".encode()) / 2**32
    wait = DELAYS[attempts - 1] * (0.9 + 0.2 * share)
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_WAIT))
    return now + wait


@transaction.atomic
def _claim(owner: str, now: datetime) -> list[_Due]:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [now, now, IN_FLIGHT_EACH, IN_FLIGHT, owner, now + LEASE])
        ids = [row[0] for row in cursor.fetchall()]
    from crm.models import WebhookDelivery

    rows = WebhookDelivery.objects.filter(pk__in=ids).select_related("webhook").order_by("due_at")
    return [
        _Due(
            id=row.pk,
            webhook_id=row.webhook_id,
            key=row.key,
            body=json.dumps(row.payload, ensure_ascii=False, separators=(",", ":")).encode(),
            attempts=row.attempts,
            url=row.webhook.url,
            secrets=_secrets(row.webhook, now),
        )
        for row in rows
    ]


def _secrets(webhook: Webhook, now: datetime) -> tuple[str, ...]:
    kept = webhook.secrets.split()
    rotating = webhook.rotated_at is not None and webhook.rotated_at > now - BOTH_SECRETS_FOR
    return tuple(kept[: 2 if rotating else 1])


def _post_all(claimed: Sequence[_Due], now: datetime) -> list[_Answer]:
    from crm.channels.http_client import guarded_client

    allowed = settings.WEBHOOK_ALLOWED_HOSTS
    with (
        guarded_client(
            allowed_hosts=allowed, silence=ANSWER_SECONDS, seconds=ANSWER_SECONDS
        ) as client,
        ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="webhook") as pool,
    ):
        return list(pool.map(lambda due: _post(client, due, now), claimed))


def _post(client: "httpx.Client", due: _Due, now: datetime) -> _Answer:
    import httpx

    started = time.monotonic()
    sent = {
        "Content-Type": "application/json",
        "User-Agent": "Rapport-Webhooks/1",
        **headers(secrets=due.secrets, key=due.key, timestamp=int(now.timestamp()), body=due.body),
    }
    try:
        with client.stream("POST", due.url, content=due.body, headers=sent) as response:
            excerpt = _excerpt(response)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _Answer(due, 0, _milliseconds(started), error=_said(error))
    fault = "" if response.is_success else f"HTTP {response.status_code}"
    wait = _retry_after(response.headers.get("retry-after", ""), now)
    return _Answer(due, response.status_code, _milliseconds(started), fault, excerpt, wait)


def _said(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.ReadTimeout):
        return f"No answer within {ANSWER_SECONDS:g} seconds."
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return said[:_EXCERPT]


def _excerpt(response: "httpx.Response") -> str:
    """The beginning of an answer; how it goes on is nobody's need, nor that it ends in time."""
    import httpx

    raw = b""
    try:
        for piece in response.iter_raw():
            raw += piece[:_EXCERPT]
            if len(raw) >= _EXCERPT:
                break
    except httpx.ReadTimeout:
        pass  # the status is what counts, and it was said
    return raw[:_EXCERPT].decode("utf-8", errors="replace").replace("\0", "\ufffd")


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _retry_after(text: str, now: datetime) -> timedelta | None:
    """Seconds or a date, as HTTP writes them; what cannot be read asks for nothing."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), LONGEST_WAIT.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(aware - now, timedelta())


def _settle(answers: Sequence[_Answer], owner: str, now: datetime) -> None:
    rows = json.dumps([_row(answer, now) for answer in answers])
    verdicts = json.dumps(_verdicts(answers))
    limit = now - PATIENCE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTLE, [rows, owner])
        cursor.execute(_JUDGE, [now, now, limit, now, limit, verdicts])


def _row(answer: _Answer, now: datetime) -> dict[str, Any]:
    due_at, state, delivered_at = None, "failed", None
    if answer.is_success:
        state, delivered_at = "delivered", now
    elif answer.status != GONE:
        due_at = next_due_at(
            key=answer.due.key,
            attempts=answer.due.attempts,
            now=now,
            retry_after=answer.retry_after,
        )
        state = "due" if due_at else "failed"
    entry = {
        "at": now.isoformat(),
        "status": answer.status or None,
        "ms": answer.milliseconds,
        "error": answer.error,
        "excerpt": answer.excerpt,
    }
    return {
        "id": answer.due.id,
        "state": state,
        "due_at": due_at.isoformat() if due_at else None,
        "delivered_at": delivered_at.isoformat() if delivered_at else None,
        "entry": [entry],
    }


def _verdicts(answers: Sequence[_Answer]) -> list[dict[str, Any]]:
    """What the tries of this round say about each subscriber."""
    found: dict[int, dict[str, Any]] = {}
    for answer in answers:
        verdict = found.setdefault(
            answer.due.webhook_id,
            {"id": answer.due.webhook_id, "any_success": False, "is_gone": False, "error": ""},
        )
        verdict["any_success"] |= answer.is_success
        verdict["is_gone"] |= answer.status == GONE
        verdict["error"] = answer.error[:150] or verdict["error"]
    return list(found.values())
