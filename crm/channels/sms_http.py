"""SMS through a plain HTTP provider: JSON out with an idempotency key, signed JSON back."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import ClassVar

import httpx

from crm.channels import callbacks
from crm.channels import journal as states
from crm.channels.base import (
    DEFERRED,
    DELIVERED,
    FAILED,
    FAILED_NEWS,
    IN_DOUBT,
    INVALID_ADDRESS,
    RATE_LIMITED,
    REJECTED,
    SENT,
    SENT_NEWS,
    UNANSWERED,
    UNAUTHORIZED,
    UNREACHABLE,
    Account,
    CallbackNews,
    CallbackRequest,
    Inbound,
    Journal,
    Outcome,
    Outgoing,
)
from crm.channels.http_client import trusted_client

WORDS = {
    "queued": SENT_NEWS,
    "sent": SENT_NEWS,
    "delivered": DELIVERED,
    "undelivered": FAILED_NEWS,
    "failed": FAILED_NEWS,
    "expired": FAILED_NEWS,
}
IN_FLIGHT = 16
_RETRY_AFTER = 30.0
_MARKS = {SENT: states.CONFIRMED, FAILED: states.REFUSED, IN_DOUBT: states.HANDED_OVER}


class SmsHttpAdapter:
    """Posts each SMS over kept connections, several at a time."""

    channel: ClassVar[str] = "sms"

    def __init__(self, account: Account) -> None:
        self.account = account
        self._client = trusted_client(connections=IN_FLIGHT)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="sms")

    def send_many(self, batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        """Post every SMS; without an answer it is in doubt, and the key makes asking again safe."""
        if len(batch) == 1:
            yield self._send(0, batch[0], journal)
            return
        waiting = [self._pool.submit(self._send, n, one, journal) for n, one in enumerate(batch)]
        for done in as_completed(waiting):
            yield done.result()

    def verify_callback(self, request: CallbackRequest) -> None:
        """Check the signature and age of a callback."""
        callbacks.verify(request, secret=self.account.callback_secret)

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read a delivery receipt (`status`) or an inbound SMS (`body`)."""
        raw = callbacks.read_json(request)
        if raw.get("type") != "inbound":
            return [callbacks.news(raw, words=WORDS, received_at=request.received_at)]
        return [
            Inbound(
                channel=self.channel,
                sender=callbacks.text(raw, "from"),
                recipient=callbacks.text(raw, "to"),
                body=callbacks.text(raw, "body"),
                provider_message_id=callbacks.text(raw, "id"),
                occurred_at=callbacks.occurred_at(raw, request.received_at),
            )
        ]

    def close(self) -> None:
        """Let go of the kept connections."""
        self._pool.shutdown()
        self._client.close()

    def _send(self, index: int, outgoing: Outgoing, journal: Journal) -> Outcome:
        journal.mark(index, states.HANDING_OVER)
        try:
            outcome = _read_answer(outgoing, self._post(outgoing))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            journal.mark(index, states.CLAIMED)
            return _failed(outgoing, UNREACHABLE, str(error), retry_after=_RETRY_AFTER)
        except httpx.HTTPError as error:
            detail = str(error) or type(error).__name__
            outcome = Outcome(outgoing.message_id, IN_DOUBT, reason=UNANSWERED, detail=detail)
        journal.mark(index, _mark(outcome))
        return outcome

    def _post(self, outgoing: Outgoing) -> httpx.Response:
        return self._client.post(
            self.account.url,
            json={
                "from": outgoing.sender,
                "to": outgoing.recipient,
                "body": outgoing.text,
                "callback_url": self.account.callback_url,
            },
            headers={
                "Authorization": f"Bearer {self.account.api_key}",
                "Idempotency-Key": outgoing.key,
            },
        )


def _read_answer(outgoing: Outgoing, answer: httpx.Response) -> Outcome:
    code, detail = answer.status_code, answer.text[:500]
    if answer.is_success:
        return Outcome(outgoing.message_id, SENT, provider_message_id=_id_in(answer))
    if code == 429:
        return _failed(outgoing, RATE_LIMITED, detail, retry_after=_wait_told(answer))
    if code in {401, 403}:
        return _failed(outgoing, UNAUTHORIZED, detail)
    if code >= 500:
        return _failed(outgoing, DEFERRED, detail, retry_after=_wait_told(answer))
    reason = INVALID_ADDRESS if "number" in detail.lower() else REJECTED
    return _failed(outgoing, reason, detail)


def _failed(
    outgoing: Outgoing, reason: str, detail: str, *, retry_after: float | None = None
) -> Outcome:
    return Outcome(
        outgoing.message_id, FAILED, reason=reason, detail=detail, retry_after=retry_after
    )


def _id_in(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _wait_told(answer: httpx.Response) -> float:
    try:
        return min(3600.0, max(1.0, float(answer.headers.get("retry-after", ""))))
    except ValueError:
        return _RETRY_AFTER


def _mark(outcome: Outcome) -> int:
    return states.PUT_OFF if outcome.retry_after is not None else _MARKS[outcome.state]
