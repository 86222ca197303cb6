"""Callbacks as their adapters read them: news of messages, what came in, and what is held."""

from collections.abc import Sequence
from dataclasses import dataclass

from crm import accounts
from crm.channels import base, registry
from crm.models import Callback

# Among the headers kept: what stood after the question mark, which some providers say all in.
QUERY = "query"


@dataclass(frozen=True, slots=True)
class Read:
    """A callback with what its adapter reads in it, or why it cannot be read."""

    callback: Callback
    news: Sequence[base.CallbackNews] = ()
    inbound: Sequence[base.Inbound] = ()
    held: Sequence[base.HeldMail] = ()
    error: str = ""


def read_callback(*, callback: Callback) -> Read:
    """What a kept callback tells, in our words; why not, where it cannot be read."""
    account = accounts.for_provider(provider=callback.provider)
    if account is None:
        return Read(callback, error="The provider is not set up any more.")
    query = callback.headers.get(QUERY, "")
    request = base.CallbackRequest(
        headers=callback.headers,
        body=bytes(callback.body),
        url=f"{account.callback_url}?{query}" if query else account.callback_url,
        received_at=callback.received_at,
    )
    try:
        found = registry.adapter_for(account).read_callback(request)
    except base.CallbackRefused as error:
        return Read(callback, error=str(error))
    return Read(
        callback,
        news=[one for one in found if isinstance(one, base.CallbackNews)],
        inbound=[one for one in found if isinstance(one, base.Inbound)],
        held=[one for one in found if isinstance(one, base.HeldMail)],
    )
