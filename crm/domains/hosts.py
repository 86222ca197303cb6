"""The hosts our mails leave from, and whether SPF lets them use our envelope domain."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from crm import accounts
from crm.channels import mime
from crm.choices import Channel
from crm.dns import Resolver, spf
from crm.domains.findings import Finding, Light, Record

# The provider that is a mail server we hand mails to ourselves.
_SERVER = "email"
_FAKE = "memory"
# Addresses for examples: nobody sends from them, so only a record that lets all pass lets them.
_STRANGERS = ("203.0.113.77", "198.51.100.78")


@dataclass(frozen=True, slots=True)
class Reading:
    """What SPF says; `passes` is None where nobody knows which hosts send."""

    passes: bool | None
    findings: tuple[Finding, ...]


def read(*, domain: str, sender: str, resolver: Resolver) -> Reading:
    """Read the SPF record of the envelope domain, and try it with every host that sends."""
    whole = spf.read_whole(domain=domain, resolver=resolver)
    every = [addresses(host=host, resolver=resolver) for host in sending(sender=sender)]
    ips = sorted({ip for found in every for ip in found})
    facts = {"envelope": domain, "lookups": whole.lookups, "detail": whole.detail}
    if whole.trouble:
        return Reading(False, (_troubled(domain, whole, ips, facts),))
    if _lets_all(domain, resolver):
        return Reading(True, (Finding("spf", Light.BAD, "spf_open", facts),))
    if not ips:
        return Reading(None, (Finding("spf", Light.WARN, "spf_unknown", facts),))
    refused = [ip for ip in ips if not _passes(domain, ip, resolver)]
    if not refused:
        return Reading(True, (Finding("spf", Light.GOOD, "spf_good", facts),))
    # Behind a relay the host that mails leave from may be another than the one we speak to.
    light = Light.BAD if settings.EMAIL_SENDING_HOSTS else Light.WARN
    facts |= {"hosts": ", ".join(refused)}
    record = Record(domain, "TXT", _with(_record(domain, resolver), refused))
    return Reading(False, (Finding("spf", light, "spf_refuses", facts, (record,)),))


def sending(*, sender: str) -> list[str]:
    """The hosts that mails of a domain leave from: as the settings say, or our mail servers."""
    return list(settings.EMAIL_SENDING_HOSTS) or [
        host for host in servers(sender=sender) if not is_local(host=host)
    ]


def servers(*, sender: str) -> list[str]:
    """The mail servers that we hand mails of a domain to."""
    found = []
    for kept in accounts.in_order(channel=Channel.EMAIL):
        if kept.account.provider == _SERVER and mime.domain_of(kept.sender) == sender:
            found.append(kept.account.option("host") or urlsplit(kept.account.url).hostname or "")
    return [host for host in found if host]


def providers(*, sender: str) -> list[str]:
    """The companies that send mails of a domain by their APIs, and sign them with their keys."""
    found = set()
    for kept in accounts.in_order(channel=Channel.EMAIL):
        provider = kept.account.provider
        if provider not in {_SERVER, _FAKE} and mime.domain_of(kept.sender) == sender:
            found.add(accounts.label_of(provider=provider))
    return sorted(found)


def is_local(*, host: str) -> bool:
    """Whether a host is this machine: what is handed to it does not leave as it is."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def addresses(*, host: str, resolver: Resolver) -> list[str]:
    """The addresses of a host, of both kinds."""
    with suppress(ValueError):
        return [str(ip_address(host))]
    return [*resolver.ask(host, "A"), *resolver.ask(host, "AAAA")]


def _troubled(domain: str, whole: spf.Verdict, ips: list[str], facts: dict[str, object]) -> Finding:
    if whole.trouble == spf.Trouble.NONE and whole.detail == domain:
        # A record that lets nobody through would be worse than none.
        records = (Record(domain, "TXT", _with("v=spf1 ~all", ips)),) if ips else ()
        return Finding("spf", Light.BAD, "spf_none", facts, records)
    code = "spf_include" if whole.trouble == spf.Trouble.NONE else f"spf_{whole.trouble}"
    return Finding("spf", Light.BAD, code, facts)


def _lets_all(domain: str, resolver: Resolver) -> bool:
    """Whether any host at all may send: hosts that are nobody's tell."""
    return all(_passes(domain, ip, resolver) for ip in _STRANGERS)


def _passes(domain: str, ip: str, resolver: Resolver) -> bool:
    return spf.check(domain=domain, ip=ip, resolver=resolver).result == "pass"


def _record(domain: str, resolver: Resolver) -> str:
    texts = resolver.ask(domain, "TXT")
    return next((text for text in texts if text.lower().startswith("v=spf1")), "v=spf1 ~all")


def _with(record: str, ips: list[str]) -> str:
    """The record with these hosts let through, before what is said of all others."""
    words = record.split()
    new = list(_mechanisms(ips))
    return " ".join([words[0], *new, *words[1:]])


def _mechanisms(ips: list[str]) -> Iterator[str]:
    for ip in ips:
        yield f"ip{ip_address(ip).version}:{ip}"
