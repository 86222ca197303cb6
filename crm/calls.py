"""Calls that may be repeated: the answer of the first is kept and given again."""

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from crm.models import IdempotentCall

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEPT = timedelta(hours=24)
_LOCK_SPACE = 0xCA11


class StillRunning(RuntimeError):  # noqa: N818 - it names a state, not an error of ours
    """The same call is being answered just now."""


class OtherRequest(ValueError):  # noqa: N818
    """The key came before with another request."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call by its caller, the key they gave it, and what it asks."""

    caller: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered."""

    status: int
    data: Any


def begin(*, call: Call, now: datetime) -> Answer | None:
    """The answer that a call got before, or nothing where it is the first.

    Call it in a transaction, and keep the answer in the same one: both last or neither does, so a
    process that dies leaves nothing half done. Holds a lock until that transaction ends;
    StillRunning where another call holds it.
    """
    number = zlib.crc32(f"{call.caller}\0{call.key}".encode()) - 2**31
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, number])
        if not cursor.fetchone()[0]:
            raise StillRunning
    known = IdempotentCall.objects.filter(caller=call.caller, key=call.key).first()
    if known is None or known.created_at <= now - KEPT:
        return None
    if known.request_hash != call.request_hash:
        raise OtherRequest
    return _opened(known)


def keep(*, call: Call, answer: Answer, now: datetime) -> None:
    """Keep an answer for a day; sealed, as it may hold a secret or a person's data."""
    sealed = _seal().encrypt(json.dumps(answer.data).encode()).decode()
    IdempotentCall.objects.update_or_create(
        caller=call.caller,
        key=call.key,
        defaults={
            "request_hash": call.request_hash,
            "status": answer.status,
            "answer": sealed,
            "created_at": now,
        },
    )


def forget_old(*, now: datetime) -> int:
    """Delete the answers whose day is over."""
    return IdempotentCall.objects.filter(created_at__lte=now - KEPT).delete()[0]


def _opened(kept: IdempotentCall) -> Answer | None:
    """An answer as it was; nothing where it was sealed under another SECRET_KEY."""
    from cryptography.fernet import InvalidToken

    try:
        data = json.loads(_seal().decrypt(str(kept.answer).encode()))
    except InvalidToken:
        return None
    return Answer(kept.status or 200, data)


def _seal() -> "Fernet":
    from cryptography.fernet import Fernet

    digest = hashlib.sha256(f"crm.calls:{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
