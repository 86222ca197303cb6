"""Callbacks as they come: proven, and kept once."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from crm import accounts
from crm.callbacks.reading import QUERY
from crm.channels import base, registry
from crm.models import Callback

_KEPT_HEADERS = frozenset({"content-type", "user-agent"})


def store(
    *, provider: str, headers: Mapping[str, str], body: bytes, url: str, now: datetime
) -> Callback | None:
    """Keep a callback once; CallbackRefused unless it is proven to come from the provider.

    Gives nothing if it is known already, or if there is no such provider.
    """
    account = accounts.for_provider(provider=provider)
    if account is None:
        return None
    request = base.CallbackRequest(headers=headers, body=body, url=url, received_at=now)
    adapter = registry.adapter_for(account)
    try:
        adapter.verify_callback(request)
    except (RecursionError, UnicodeError) as error:
        raise base.CallbackRefused("The callback cannot be read.") from error
    if isinstance(adapter, base.Confirms):
        adapter.confirm(request)
    query = _kept_query(url)
    kept = {name: headers[name] for name in _KEPT_HEADERS & set(headers)}
    callback, is_new = Callback.objects.get_or_create(
        provider=provider,
        key=hashlib.sha256(body + query.encode()).hexdigest(),
        defaults={
            "headers": kept | ({QUERY: query} if query else {}),
            "body": body,
            "received_at": now,
        },
    )
    return callback if is_new else None


def answer_to(*, provider: str) -> Mapping[str, object] | None:
    """What a provider wants to hear when it has called us; nothing is no answer at all."""
    account = accounts.for_provider(provider=provider)
    if account is None:
        return None
    found: Mapping[str, object] | None = getattr(
        registry.adapter_class(account.provider), "callback_answer", None
    )
    return found


def _kept_query(url: str) -> str:
    """The fields in the address of a callback, but for the token that proves it."""
    fields = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in fields if name != "token"])
