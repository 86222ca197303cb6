"""Asking a provider what became of messages in doubt, one request each, over one connection."""

from collections.abc import Callable, Sequence

import httpx

from crm.channels.base import CallbackNews, Outgoing, ProviderAway
from crm.channels.http_client import trusted_client
from crm.channels.http_wire import Call

Read = Callable[[Outgoing, object], list[CallbackNews]]


def ask_each(
    doubtful: Sequence[Outgoing], write: Callable[[Outgoing], Call], read: Read
) -> list[CallbackNews]:
    """What a provider knows of each message; of whom it knows nothing there is no news.

    Where it stops answering, what it has said so far counts; ProviderAway if that is nothing.
    """
    found: list[CallbackNews] = []
    with trusted_client(connections=1) as client:
        for message in doubtful:
            try:
                found += read(message, _answer(client, write(message)))
            except (httpx.HTTPError, ValueError) as error:
                if found:
                    return found
                raise ProviderAway(f"{type(error).__name__}: {error}") from error
    return found


def _answer(client: httpx.Client, call: Call) -> object:
    """The JSON of an answer; nothing where there is no such message."""
    headers = dict(call.headers)
    answer = client.request(call.method, call.url, headers=headers, content=call.body or None)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    return answer.raise_for_status().json()
