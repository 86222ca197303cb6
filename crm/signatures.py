"""Who signs our mails: the keys that are active, as this process has read them lately."""

import time
from dataclasses import dataclass, field

from crm import reach
from crm.channels import mime
from crm.channels.dkim import Signer, signer
from crm.mail_choices import SigningKeyState
from crm.models import SigningKey

# A change is felt by every process within this time.
READ_EVERY = 2.0


@dataclass(slots=True)
class _Ring:
    """What was read, and when; a key is decrypted and made ready once."""

    by_domain: dict[str, tuple[Signer, ...]] = field(default_factory=dict)
    by_key: dict[int, Signer] = field(default_factory=dict)
    read_at: float = float("-inf")


_ring = _Ring()


def forget() -> None:
    """Read the keys anew when next asked, in this process."""
    _ring.read_at = float("-inf")


def of_sender(*, sender: str) -> tuple[Signer, ...]:
    """Who signs mails that come from this address; nobody where its domain has no active key."""
    _read()
    return _ring.by_domain.get(mime.domain_of(sender), ()) if _ring.by_domain else ()


def _read() -> None:
    """Read which keys are active if that was long ago; the keys themselves only if they are new."""
    if time.monotonic() - _ring.read_at < READ_EVERY:
        return
    active = SigningKey.objects.filter(state=SigningKeyState.ACTIVE).order_by("algorithm")
    named = list(active.values_list("pk", "domain__domain"))
    _ring.by_key = {pk: one for pk, one in _ring.by_key.items() if pk in dict(named)}
    new = [pk for pk, _ in named if pk not in _ring.by_key]
    for key in active.filter(pk__in=new).select_related("domain") if new else ():
        _ring.by_key[key.pk] = ready(key=key)
    found: dict[str, tuple[Signer, ...]] = {}
    for pk, domain in named:
        name = ascii_of(domain=domain)
        # What was retired between the two questions is not there any more.
        found[name] = found.get(name, ()) + tuple(filter(None, [_ring.by_key.get(pk)]))
    _ring.by_domain = found
    _ring.read_at = time.monotonic()


def ready(*, key: SigningKey) -> Signer:
    """A key as the pump signs with it."""
    return signer(
        domain=ascii_of(domain=key.domain.domain),
        selector=key.selector,
        private=key.private_key,
    )


def ascii_of(*, domain: str) -> str:
    """A domain as it stands in DNS."""
    return reach.in_ascii(domain).lower()
