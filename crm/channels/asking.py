"""Asking a provider what became of messages in doubt, one after the other over one connection."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from crm.channels import proofs
from crm.channels.base import Account, CallbackNews, Outgoing, ProviderAway
from crm.channels.http_client import provider_client
from crm.channels.http_wire import Call

Ask = Callable[[Call], object]
Find = Callable[[Outgoing, Ask], list[CallbackNews]]
Read = Callable[[Outgoing, object], list[CallbackNews]]


# So long a message may be in doubt and be asked for.
_REMEMBERED = timedelta(days=8)
# The provider takes the search for one message amiss, not us.
_REFUSED = frozenset({400, 422})


class _NotAsked(Exception):  # noqa: N818 - it names what happened
    """This one message cannot be searched for."""


def find_each(account: Account, doubtful: Sequence[Outgoing], find: Find) -> list[CallbackNews]:
    """What a provider knows of each message, found in as many requests as `find` makes.

    Of whom it knows nothing there is no news, nor where it refuses one search. Where it stops
    answering, what it has said so far counts; ProviderAway if that is nothing.
    """
    found: list[CallbackNews] = []
    with provider_client(account.guarded_but) as client:
        for message in doubtful:
            try:
                found += find(message, lambda call: _answer(client, call))
            except _NotAsked:
                continue
            except (httpx.HTTPError, ValueError) as error:
                if found:
                    return found
                raise _away(error) from error
    return found


def ask_each(
    account: Account,
    doubtful: Sequence[Outgoing],
    write: Callable[[Outgoing], Call],
    read: Read,
) -> list[CallbackNews]:
    """The same where one request for each message is enough."""
    return find_each(account, doubtful, lambda message, ask: read(message, ask(write(message))))


def ask_once(account: Account, call: Call) -> object:
    """The JSON of one answer, nothing where there is no such thing; ProviderAway otherwise."""
    try:
        with provider_client(account.guarded_but) as client:
            return _answer(client, call)
    except (httpx.HTTPError, ValueError, _NotAsked) as error:
        raise _away(error) from error


def news_of(
    message: Outgoing,
    raw: Mapping[str, Any],
    *,
    kind: str,
    identity: object,
    at: datetime,
    reason: str = "",
) -> CallbackNews:
    """What a provider's list says of a message, under our key."""
    return CallbackNews(
        provider_message_id="" if identity is None else str(identity),
        key=message.key,
        kind=kind,
        occurred_at=at,
        recipient=message.recipient,
        reason=reason,
        raw=raw,
    )


def since_when(message: Outgoing, *, before: timedelta = timedelta(hours=1)) -> datetime:
    """From when on a search for a message in doubt has to look; clocks differ a little."""
    if message.between is None:
        return proofs.now() - _REMEMBERED
    return message.between[0].astimezone(UTC) - before


def rows_in(answer: object, *names: str) -> list[dict[str, Any]]:
    """The objects of a list that lies somewhere in an answer; empty where there is none."""
    for name in names:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []


def _away(error: Exception) -> ProviderAway:
    """What went wrong, without the address that was asked: it may name a person."""
    if isinstance(error, httpx.HTTPStatusError):
        return ProviderAway(f"The provider answers {error.response.status_code}.")
    return ProviderAway(f"The provider cannot be asked: {type(error).__name__}")


def _answer(client: httpx.Client, call: Call) -> object:
    """The JSON of an answer; nothing where there is no such message."""
    headers = dict(call.headers)
    answer = client.request(call.method, call.url, headers=headers, content=call.body or None)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    if answer.status_code in _REFUSED:
        raise _NotAsked
    return answer.raise_for_status().json()
