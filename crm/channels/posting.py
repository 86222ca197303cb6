"""What adapters share that send every message by one HTTP request of its own."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import ClassVar

import httpx
from django.utils.translation import gettext_noop as _

from crm.channels.base import (
    DEFERRED,
    IN_DOUBT,
    INVALID_ADDRESS,
    RATE_LIMITED,
    REJECTED,
    SENT,
    UNANSWERED,
    UNAUTHORIZED,
    Account,
    Field,
    Journal,
    Outcome,
    Outgoing,
)
from crm.channels.http_client import provider_client
from crm.channels.http_many import RETRY_AFTER, ManyRequests, failed
from crm.channels.http_wire import Answer, Call
from crm.channels.pace import per_second
from crm.channels.sms_text import TEXT_FIELDS, prepared, prices

TOKEN_FIELD = Field(
    "callback_token",
    _("Token of the callback address"),
    help=_("Callbacks are not signed: give the provider the address with ?token= and this word."),
    is_secret=True,
)
ADDRESS_FIELD = Field(
    "url",
    _("Address"),
    help=_("Where the provider is reached; empty is its usual address."),
    is_needed=False,
)
SMS_FIELDS = TEXT_FIELDS
VENDOR_FIELDS = (*TEXT_FIELDS, ADDRESS_FIELD)
_LONGEST_PAUSE = 3600.0
# Why providers cannot be asked for a message in doubt.
ONLY_BY_ITS_ID = _("It finds a message only by an id of its own, which the lost answer had.")
NOTHING_OF_OURS = _("Its list of messages says nothing that is ours alone.")
NO_LIST = _("It has no list of what it has taken.")
# Statuses of a provider that may have taken the message before it failed.
UNCLEAR = frozenset({500, 502, 504})
_AWAY = 503


class PostingAdapter:
    """Sends by HTTP; a provider's class says how a request is written and an answer is read."""

    channel: ClassVar[str] = "sms"
    label: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    # Where the provider is usually reached.
    usual: ClassVar[str] = ""
    # Whether the provider takes a message of the same key once.
    is_idempotent: ClassVar[bool] = False
    # Why the provider cannot be asked for messages in doubt, where there is no `look_up`.
    unasked: ClassVar[str] = NO_LIST
    # What the provider wants to hear when it calls us; nothing is an empty answer.
    callback_answer: ClassVar[dict[str, object] | None] = None

    def __init__(self, account: Account) -> None:
        self.account = account
        prices(account)
        self._requests = ManyRequests(
            per_second=per_second(account.option("per_second")), guarded_but=account.guarded_but
        )

    @property
    def base(self) -> str:
        """The account's address without a slash at its end, else the provider's usual one."""
        return (self.account.url or self.usual_address()).rstrip("/")

    def usual_address(self) -> str:
        """Where the provider is reached if the account does not say."""
        return self.usual

    def write(self, message: Outgoing) -> Call | Outcome:
        """The request for a message, made as it leaves, or why there can be none."""
        raise NotImplementedError

    def read(self, message: Outgoing, answer: Answer) -> Outcome:
        """What the provider's answer means."""
        raise NotImplementedError

    def understand(self, message: Outgoing, answer: Answer) -> Outcome:
        """A provider that broke down may have taken the message before: that stays in doubt.

        So does a success without the id that it comes with: somebody else may have answered.
        """
        outcome = self.read(message, answer)
        if outcome.state == SENT and not outcome.provider_message_id:
            return in_doubt(message, answer)
        is_unclear = answer.status in UNCLEAR and outcome.reason == DEFERRED
        return in_doubt(message, answer) if is_unclear and not self.is_idempotent else outcome

    def send_many(self, batch: Sequence[Outgoing], *, journal: Journal) -> Iterator[Outcome]:
        """Send every message, many at once."""
        return self._requests.send_many(
            batch, journal=journal, write=self._write, read=self.understand
        )

    def close(self) -> None:
        """Let go of the kept connections."""
        self._requests.close()

    def _write(self, message: Outgoing) -> Call | Outcome:
        return self.write(prepared(message, self.account))


def in_doubt(message: Outgoing, answer: Answer) -> Outcome:
    """The outcome of a message that the provider may have taken or not."""
    detail = f"{answer.status}: {answer.text()}"
    return Outcome(message.message_id, IN_DOUBT, reason=UNANSWERED, detail=detail)


def refused(message: Outgoing, answer: Answer, *, bad_address: bool = False) -> Outcome:
    """What an answer without success means by its status alone."""
    code, detail = answer.status, answer.text()
    if code == 429:
        return failed(message, RATE_LIMITED, detail, retry_after=wait_told(answer, 1.0))
    if code in {401, 403}:
        return failed(message, UNAUTHORIZED, detail)
    if code == _AWAY and "retry-after" in answer.headers:
        # It says of itself when it is back: nothing else of the account gets through until then.
        return failed(message, RATE_LIMITED, detail, retry_after=wait_told(answer))
    if code >= 500 or code == 408:
        return failed(message, DEFERRED, detail, retry_after=wait_told(answer))
    return failed(message, INVALID_ADDRESS if bad_address else REJECTED, detail)


def wait_told(answer: Answer, otherwise: float = RETRY_AFTER) -> float:
    """The seconds that `Retry-After` names, as a number or as the moment when they are over."""
    said = answer.headers.get("retry-after", "")
    told = _seconds(said, since=answer.headers.get("date", ""))
    return otherwise if math.isnan(told) else min(_LONGEST_PAUSE, max(1.0, told))


def _seconds(said: str, *, since: str) -> float:
    """How long a number or a date is from now, by the clock of who says it; else no number."""
    with suppress(ValueError):
        return float(said)
    with suppress(ValueError, OverflowError):
        until = parsedate_to_datetime(said).timestamp()
        with suppress(ValueError, OverflowError):
            return until - parsedate_to_datetime(since).timestamp()
        return until - time.time()
    return math.nan


def asked(
    account: Account, url: str, *, headers: dict[str, str], wrong: Sequence[int] = (401, 403)
) -> str:
    """Ask a provider something that is free; gives what is wrong with the account, or nothing."""
    return asked_by(account, Call(url, tuple(headers.items()), method="GET"), wrong=wrong)


def asked_by(
    account: Account, call: Call, *, wrong: Sequence[int] = (401, 403), fine: Sequence[int] = ()
) -> str:
    """The same by a request of any kind; answers with a status of `fine` are a success too."""
    with provider_client(account.guarded_but) as client:
        try:
            answer = client.request(
                call.method, call.url, headers=dict(call.headers), content=call.body or None
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
    if answer.status_code in wrong:
        return f"The provider refuses the credentials ({answer.status_code})."
    is_fine = answer.is_success or answer.status_code in fine
    return "" if is_fine else f"The provider answers {answer.status_code}."
