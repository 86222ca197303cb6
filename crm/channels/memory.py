"""The fake provider: keeps what was sent and answers as it is told; for tests and rehearsals."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from crm.channels import journal as states
from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    NEWS_KINDS,
    SENT,
    UNKNOWN,
    Account,
    CallbackNews,
    CallbackRefused,
    CallbackRequest,
    Inbound,
    Journal,
    Outcome,
    Outgoing,
)

_MARKS = {SENT: states.CONFIRMED, FAILED: states.REFUSED, IN_DOUBT: states.HANDED_OVER}


class MemoryAdapter:
    """An adapter without a wire: `sent` holds the messages, `script` the answers to give first."""

    channel: ClassVar[str] = "email"

    def __init__(self, account: Account) -> None:
        self.account = account
        self.sent: list[Outgoing] = []
        self.script: deque[Outcome] = deque()

    def send_many(self, batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        """Take every message; answer from the script while it lasts, then with sent."""
        may_begin = getattr(journal, "may_begin", None)
        for index, outgoing in enumerate(batch):
            if may_begin and not may_begin(index):
                continue
            journal.mark(index, states.HANDING_OVER)
            outcome = self._answer(outgoing)
            journal.mark(index, _mark(outcome))
            if outcome.state != FAILED:
                self.sent.append(outgoing)
            yield outcome

    def verify_callback(self, request: CallbackRequest) -> None:
        """Accept what carries the account's secret in the header `authorization`."""
        if request.headers.get("authorization") != self.account.callback_secret:
            raise CallbackRefused("The callback does not carry the secret of the account.")

    def read_callback(self, request: CallbackRequest) -> list[CallbackNews | Inbound]:
        """Read one piece of news in our own words."""
        try:
            raw = json.loads(request.body)
            kind, occurred_at = raw["kind"], datetime.fromisoformat(raw["occurred_at"])
        except (ValueError, KeyError, TypeError) as error:
            raise CallbackRefused(f"The callback cannot be read: {error}") from error
        return [
            CallbackNews(
                provider_message_id=str(raw.get("id", "")),
                key=str(raw.get("key", "")),
                kind=kind if kind in NEWS_KINDS else UNKNOWN,
                occurred_at=occurred_at,
                recipient=str(raw.get("recipient", "")),
                reason=str(raw.get("reason", "")),
                raw=raw,
            )
        ]

    def close(self) -> None:
        """Nothing is kept open."""

    def _answer(self, outgoing: Outgoing) -> Outcome:
        if self.script:
            told = self.script.popleft()
            return Outcome(
                outgoing.message_id,
                told.state,
                told.provider_message_id,
                told.reason,
                told.detail,
                told.retry_after,
            )
        return Outcome(outgoing.message_id, SENT, provider_message_id=outgoing.key)


def _mark(outcome: Outcome) -> int:
    return states.PUT_OFF if outcome.retry_after is not None else _MARKS[outcome.state]
