"""Asking DNS about sending domains, and keeping what was found."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_noop

from crm.dns import Resolver, WorldResolver
from crm.domains import findings, keys, looking
from crm.domains.findings import Finding, Light
from crm.mail_choices import SigningKeyState
from crm.models import DomainStanding, SendingDomain

# So often DNS is asked by itself; and so often while a record is waited for.
ASK_EVERY = timedelta(days=1)
WAIT = timedelta(minutes=10)


def ask(*, domain_id: int, now: datetime) -> None:
    """Have DNS asked about a domain as soon as somebody can."""
    DomainStanding.objects.update_or_create(domain_id=domain_id, defaults={"check_wanted_at": now})


def standing_of(*, domain: SendingDomain) -> tuple[DomainStanding | None, list[Finding]]:
    """How a domain stands, and what was found."""
    standing = DomainStanding.objects.filter(domain=domain).first()
    kept = standing.findings if standing else []
    return standing, [findings.read(kept=one) for one in kept]


def check_due(*, now: datetime, resolver: Resolver | None = None) -> int:
    """Ask DNS about the domains that nobody has looked at for a while; gives about how many.

    DNS is asked outside of any transaction: an answer may take its time.
    """
    resolver = resolver or WorldResolver(settings.DNS_SERVERS)
    due = [domain for domain in SendingDomain.objects.all() if _claim(domain, now)]
    for domain in due:
        _check(domain, resolver, now)
    return len(due)


def _check(domain: SendingDomain, resolver: Resolver, now: datetime) -> None:
    before = {_kept_mark(one) for one in _standing(domain).findings}
    for key_id, seen in looking.seen_keys(domain=domain, resolver=resolver).items():
        keys.take_seen(key_id=key_id, seen=seen, now=now)
    found = looking.look(domain=domain, resolver=resolver)
    DomainStanding.objects.filter(domain=domain).update(
        findings=[one.kept() for one in found], checked_at=now, check_wanted_at=None
    )
    worse = [one for one in found if one.light == Light.BAD and one.about == "dkim"]
    if before and any((one.code, one.facts.get("selector")) not in before for one in worse):
        title = gettext_noop("Mails of a domain are signed with a key that DNS does not show")
        keys.tell_staff(domain_id=domain.pk, title=title, now=now)


def _kept_mark(kept: dict[str, dict[str, str]]) -> tuple[object, object]:
    return kept["code"], kept["facts"].get("selector")


def _standing(domain: SendingDomain) -> DomainStanding:
    return DomainStanding.objects.get_or_create(domain=domain)[0]


def _claim(domain: SendingDomain, now: datetime) -> bool:
    """Whether this is due and nobody else asks just now: the moment is written before asking."""
    waits = domain.signing_keys.filter(state=SigningKeyState.PLANNED).exists()
    every = WAIT if waits else ASK_EVERY
    is_due = Q(checked_at=None) | Q(checked_at__lt=now - every) | Q(check_wanted_at__lte=now)
    mine = DomainStanding.objects.filter(is_due, pk=_standing(domain).pk)
    return bool(mine.update(checked_at=now, check_wanted_at=None))
