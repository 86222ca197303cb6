"""Callbacks as their adapters read them: news of messages, what came in, and what is held."""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from crm import accounts
from crm.channels import base, registry
from crm.models import Callback

logger = logging.getLogger(__name__)

_Told = TypeVar("_Told", base.CallbackNews, base.Inbound, base.HeldMail)
# No provider told us of anything before; what says so has no clock.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# Made legible where they are shown.
_SHOWN = frozenset({"reason", "detail"})
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
    """What a kept callback tells, in our words; why not, where it cannot be read.

    Whatever an adapter stumbles over is that callback's fault alone: it holds up no other one.
    """
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
    # The error without the values it may quote: they are what a person wrote.
    except Exception as error:
        logger.exception("Callback %s could not be read.", callback.pk)
        return Read(callback, error=f"{type(error).__name__} while it was read")
    told_at = callback.received_at
    return Read(
        callback,
        news=[_kept(one, told_at) for one in found if isinstance(one, base.CallbackNews)],
        inbound=[_kept(one, told_at) for one in found if isinstance(one, base.Inbound)],
        held=[_kept(one, told_at) for one in found if isinstance(one, base.HeldMail)],
    )


def _kept(told: _Told, told_at: datetime) -> _Told:
    """What was told as a database can keep it: whole characters, and no moment still to come."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(told):
        value = getattr(told, field.name)
        if isinstance(value, str) and field.name not in _SHOWN:
            changed[field.name] = _storable(value)
        elif isinstance(value, datetime) and not _EARLIEST <= value <= told_at:
            changed[field.name] = told_at
    return dataclasses.replace(told, **changed)


def _storable(text: str) -> str:
    """A text without NUL and half characters, which JSON can tell and no database can keep."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
