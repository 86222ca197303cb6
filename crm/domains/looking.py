"""What DNS says of a sending domain: who signs, who may send, and who takes bounces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings

from crm import signatures
from crm.dns import Resolver, Unanswered, dmarc, keys
from crm.domains import hosts
from crm.domains.findings import Finding, Light, Record
from crm.mail_choices import SigningAlgorithm, SigningKeyState
from crm.models import SendingDomain, SigningKey

_LIVING = (SigningKeyState.PLANNED, SigningKeyState.PUBLISHED, SigningKeyState.ACTIVE)
_MX_PREFERENCE = 10


@dataclass(slots=True)
class _Look:
    """One look at a domain; what one part finds out, the next one needs."""

    domain: SendingDomain
    name: str
    envelope: str
    resolver: Resolver
    # The companies that send for the domain by their APIs, and whether nobody else does.
    theirs: str = ""
    is_theirs_alone: bool = False
    signs: bool = False
    # None where nobody knows which hosts send.
    spf_passes: bool | None = None


def seen_keys(*, domain: SendingDomain, resolver: Resolver) -> dict[int, keys.Seen]:
    """What stands in DNS for each key that is not retired; without those DNS said nothing of."""
    found = {}
    for key in domain.signing_keys.filter(state__in=_LIVING):
        try:
            found[key.pk] = _seen(key, resolver)
        except Unanswered:
            continue
    return found


def look(*, domain: SendingDomain, resolver: Resolver) -> list[Finding]:
    """Everything that is right or wrong; where DNS gives no answer, that."""
    name = signatures.ascii_of(domain=domain.domain)
    envelope = signatures.ascii_of(domain=settings.EMAIL_BOUNCE_DOMAIN)
    theirs = ", ".join(hosts.providers(sender=name))
    is_alone = bool(theirs) and not hosts.servers(sender=name)
    one = _Look(domain, name, envelope, resolver, theirs, is_alone)
    parts: tuple[tuple[str, Callable[[_Look], Iterator[Finding]]], ...] = (
        ("dkim", _dkim),
        ("spf", _spf),
        ("dmarc", _dmarc),
        ("mx", _mx),
    )
    found: list[Finding] = []
    for about, part in parts:
        try:
            found += part(one)
        except Unanswered as error:
            found.append(Finding(about, Light.WARN, "unanswered", {"what": str(error)}))
    return found


def _seen(key: SigningKey, resolver: Resolver) -> keys.Seen:
    host = f"{key.selector}._domainkey.{signatures.ascii_of(domain=key.domain.domain)}"
    return keys.seen(records=resolver.ask(host, "TXT"), wanted=key.record)


def _dkim(look: _Look) -> Iterator[Finding]:
    living = list(look.domain.signing_keys.filter(state__in=_LIVING).order_by("pk"))
    if look.theirs:
        yield _theirs("dkim", look)
    if not (living or look.is_theirs_alone):
        yield Finding("dkim", Light.WARN, "dkim_none")
    for key in living:
        seen = _seen(key, look.resolver)
        is_active = key.state == SigningKeyState.ACTIVE
        is_good = seen in {keys.Seen.GOOD, keys.Seen.TESTING}
        look.signs |= is_active and is_good
        yield _of_key(look, key, seen)
    active = [key.algorithm for key in living if key.state == SigningKeyState.ACTIVE]
    if active == [SigningAlgorithm.ED25519]:
        yield Finding("dkim", Light.WARN, "dkim_only_ed25519")


def _of_key(look: _Look, key: SigningKey, seen: keys.Seen) -> Finding:
    facts = {"selector": key.selector, "algorithm": key.get_algorithm_display()}
    is_active = key.state == SigningKeyState.ACTIVE
    if seen == keys.Seen.TESTING:
        return Finding("dkim", Light.WARN, "dkim_testing", facts)
    if seen == keys.Seen.GOOD:
        light, code = (Light.GOOD, "dkim_good") if is_active else (Light.WAITS, "dkim_waits")
        return Finding("dkim", light, code, facts)
    record = Record(f"{key.selector}._domainkey.{look.name}", "TXT", key.record)
    code = "dkim_planned" if seen == keys.Seen.MISSING and not is_active else f"dkim_{seen}"
    light = Light.BAD if is_active else Light.WAITS
    return Finding("dkim", light, code, facts, (record,))


def _theirs(about: str, look: _Look) -> Finding:
    """What a provider looks after; whether it does so, only its own console knows."""
    facts = {"domain": look.name, "providers": look.theirs}
    return Finding(about, Light.WAITS, f"{about}_theirs", facts)


def _spf(look: _Look) -> Iterator[Finding]:
    if look.is_theirs_alone:
        yield _theirs("spf", look)
        return
    reading = hosts.read(domain=look.envelope, sender=look.name, resolver=look.resolver)
    look.spf_passes = reading.passes
    yield from reading.findings


def _dmarc(look: _Look) -> Iterator[Finding]:
    found = dmarc.find(domain=look.name, resolver=look.resolver)
    if isinstance(found, dmarc.Wrong):
        value = f"v=DMARC1; p=none; rua=mailto:postmaster@{look.name}"
        records = (Record(f"_dmarc.{look.name}", "TXT", value),)
        light = Light.WARN if found == dmarc.Wrong.NONE else Light.BAD
        yield Finding("dmarc", light, f"dmarc_{found}", {"domain": look.name}, records)
        found = dmarc.Policy(domain=look.name, policy="none")
    else:
        light, code = Light.GOOD, "dmarc_good"
        if found.policy == "none":
            light, code = Light.WARN, "dmarc_watches"
        yield Finding("dmarc", light, code, {"domain": found.domain, "policy": found.policy})
    yield _theirs("dmarc", look) if look.is_theirs_alone else _aligned(look, found)


def _aligned(look: _Look, policy: dmarc.Policy) -> Finding:
    facts = {"domain": look.name, "envelope": look.envelope}
    is_near = policy.lets_spf(envelope=look.envelope, sender=look.name)
    by_spf = bool(look.spf_passes) and is_near
    if look.signs:
        code = "dmarc_passes" if is_near else "dmarc_passes_by_dkim"
        return Finding("dmarc", Light.GOOD if is_near else Light.WARN, code, facts)
    if by_spf:
        return Finding("dmarc", Light.WARN, "dmarc_passes_by_spf", facts)
    return Finding("dmarc", Light.BAD, "dmarc_fails", facts)


def _mx(look: _Look) -> Iterator[Finding]:
    if look.is_theirs_alone:
        yield _theirs("mx", look)
        return
    facts = {"envelope": look.envelope}
    found = look.resolver.ask(look.envelope, "MX")
    wanted = Record(look.envelope, "MX", f"{_MX_PREFERENCE} mail.{look.name}.")
    if found == [""]:
        yield Finding("mx", Light.BAD, "mx_refuses", facts, (wanted,))
    elif found:
        reachable = [host for host in found if hosts.addresses(host=host, resolver=look.resolver)]
        facts |= {"hosts": ", ".join(found)}
        code = "mx_good" if reachable else "mx_nowhere"
        yield Finding("mx", Light.GOOD if reachable else Light.BAD, code, facts)
    elif hosts.addresses(host=look.envelope, resolver=look.resolver):
        yield Finding("mx", Light.WARN, "mx_implied", facts, (wanted,))
    else:
        yield Finding("mx", Light.BAD, "mx_none", facts, (wanted,))
