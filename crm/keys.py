"""API keys: made once, recognised by their hash, revoked at once."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm.models import ApiKey
from crm.models.api_key import draw_secret, hash_secret

# A key's last use is noted this often, not with every call.
_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its secret, which is shown once and kept nowhere."""

    key: ApiKey
    secret: str = field(repr=False)


def create(
    *,
    name: str,
    scopes: Collection[str],
    now: datetime,
    expires_at: datetime | None = None,
    rate: int | None = None,
) -> NewKey:
    """Make a key that may do what its scopes say."""
    secret = draw_secret()
    key = ApiKey.objects.create(
        name=name,
        key_hash=hash_secret(secret),
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
        rate=rate,
    )
    return NewKey(key, secret)


def recognise(*, secret: str, now: datetime) -> ApiKey | None:
    """The valid key that a secret belongs to, its use noted."""
    key = ApiKey.objects.valid(now=now).filter(key_hash=hash_secret(secret)).first()
    if key and (key.last_used_at is None or key.last_used_at < now - _NOTED_EVERY):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def revoke(*, key_id: int, now: datetime) -> bool:
    """Let a key open nothing any more; says whether it opened anything."""
    revoked = ApiKey.objects.filter(pk=key_id, revoked_at=None)
    return bool(revoked.update(revoked_at=now))
