"""Signing keys: made here, published by staff, used once seen in DNS, replaced, retired."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crm import notices, signatures
from crm.channels import dkim
from crm.dns.keys import Seen
from crm.mail_choices import SigningAlgorithm, SigningKeyState
from crm.models import SendingDomain, SigningKey

# Mails on their way are checked by the record of the key that signed them.
STAYS_PUBLISHED = timedelta(days=7)
_MONTH = timedelta(days=30)
_COMING = (SigningKeyState.PLANNED, SigningKeyState.PUBLISHED)


def generate(*, domain_id: int, algorithm: str, now: datetime) -> SigningKey:
    """Make a key for a domain; it signs nothing before its record is seen and it is activated."""
    # Making a key takes a while, so nothing is locked meanwhile.
    pair = dkim.new_pair(algorithm=SigningAlgorithm(algorithm))
    with transaction.atomic():
        domain = SendingDomain.objects.select_for_update().get(pk=domain_id)
        _check_none_is_coming(domain, algorithm)
        return _keep(domain, algorithm, pair, None, now)


def rotate(*, domain_id: int, now: datetime) -> list[SigningKey]:
    """Make a successor for each key that signs; it takes over as soon as its record is seen."""
    made = []
    for key in SigningKey.objects.filter(domain_id=domain_id, state=SigningKeyState.ACTIVE):
        pair = dkim.new_pair(algorithm=key.algorithm)
        with transaction.atomic():
            domain = SendingDomain.objects.select_for_update().get(pk=domain_id)
            _check_none_is_coming(domain, key.algorithm)
            made.append(_keep(domain, key.algorithm, pair, key, now))
    if not made:
        raise ValidationError(_("No key signs yet: there is nothing to replace."))
    return made


def rotate_due(*, now: datetime) -> int:
    """Make successors for keys as old as the settings allow, and tell staff; gives for how many.

    Off unless the settings name months. A key that waits for its record already is not doubled.
    """
    if not settings.DKIM_ROTATE_MONTHS:
        return 0
    old = SigningKey.objects.filter(
        state=SigningKeyState.ACTIVE,
        activated_at__lt=now - settings.DKIM_ROTATE_MONTHS * _MONTH,
    )
    domains = set(old.values_list("domain_id", flat=True))
    waiting = SigningKey.objects.filter(state__in=_COMING, domain_id__in=domains)
    due = sorted(domains - set(waiting.values_list("domain_id", flat=True)))
    for domain_id in due:
        rotate(domain_id=domain_id, now=now)
        tell_staff(
            domain_id=domain_id,
            title=gettext_noop("A new signing key waits for its record in DNS"),
            now=now,
        )
    return len(due)


def tell_staff(*, domain_id: int, title: str, now: datetime) -> None:
    """Tell those who look after domains; the notice leads to the page of the domain."""
    domain = SendingDomain.objects.get(pk=domain_id)
    notices.tell(
        staff_ids=notices.who_may(permission="crm.change_sendingdomain"),
        title=title,
        detail=domain.domain,
        path=f"/admin/crm/sendingdomain/{domain_id}/change/",
        now=now,
    )


@transaction.atomic
def activate(*, key_id: int, now: datetime) -> SigningKey:
    """Sign with a key whose record was seen; the one before it of its kind is retired."""
    key = _locked(key_id)
    if key.state != SigningKeyState.PUBLISHED:
        raise ValidationError(_("Its record has not been seen in DNS."))
    _activate(key, now)
    return key


@transaction.atomic
def retire(*, key_id: int, now: datetime) -> SigningKey:
    """Sign with a key no more, for good: its private half is deleted."""
    key = _locked(key_id)
    if key.state == SigningKeyState.RETIRED:
        raise ValidationError(_("This was done already."))
    _retire(key, now)
    return key


@transaction.atomic
def take_seen(*, key_id: int, seen: str, now: datetime) -> SigningKey:
    """Note what DNS shows under a key's selector; a successor that is seen takes over at once."""
    key = _locked(key_id)
    is_there = seen in {Seen.GOOD, Seen.TESTING}
    if key.state == SigningKeyState.PLANNED and is_there:
        key.state, key.published_at = SigningKeyState.PUBLISHED, now
        key.save(update_fields=["state", "published_at"])
        if key.replaces and key.replaces.state == SigningKeyState.ACTIVE:
            _activate(key, now)
    elif key.state == SigningKeyState.PUBLISHED and not is_there:
        key.state, key.published_at = SigningKeyState.PLANNED, None
        key.save(update_fields=["state", "published_at"])
    return key


def _locked(key_id: int) -> SigningKey:
    """The key, with its domain locked: of one domain's keys one changes at a time."""
    found = SigningKey.objects.select_related("domain", "replaces").get(pk=key_id)
    SendingDomain.objects.select_for_update().get(pk=found.domain_id)
    return SigningKey.objects.select_related("domain", "replaces").get(pk=key_id)


def _activate(key: SigningKey, now: datetime) -> None:
    before = SigningKey.objects.filter(
        domain_id=key.domain_id, algorithm=key.algorithm, state=SigningKeyState.ACTIVE
    )
    for one in before:
        _retire(one, now)
    key.state, key.activated_at = SigningKeyState.ACTIVE, now
    key.save(update_fields=["state", "activated_at"])
    _felt()


def _retire(key: SigningKey, now: datetime) -> None:
    key.state, key.retired_at, key.private_key = SigningKeyState.RETIRED, now, ""
    key.save(update_fields=["state", "retired_at", "private_key"])
    _felt()


def _check_none_is_coming(domain: SendingDomain, algorithm: str) -> None:
    if domain.signing_keys.filter(algorithm=algorithm, state__in=_COMING).exists():
        raise ValidationError(_("A key of this kind waits for its record already."))


def _keep(
    domain: SendingDomain,
    algorithm: str,
    pair: dkim.NewPair,
    replaces: SigningKey | None,
    now: datetime,
) -> SigningKey:
    return SigningKey.objects.create(
        domain=domain,
        selector=_free_selector(domain, algorithm, now),
        algorithm=algorithm,
        private_key=pair.private,
        record=pair.record,
        replaces=replaces,
        created_at=now,
    )


def _free_selector(domain: SendingDomain, algorithm: str, now: datetime) -> str:
    """Named after the day; a name that was used once is never used again."""
    kind = "ed" if algorithm == SigningAlgorithm.ED25519 else "rsa"
    wanted = f"{kind}{now:%Y%m%d}"
    taken = set(domain.signing_keys.values_list("selector", flat=True))
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, 1000)))
    return next(name for name in names if name not in taken)


def _felt() -> None:
    signatures.forget()
    transaction.on_commit(signatures.forget)
