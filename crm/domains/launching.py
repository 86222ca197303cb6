"""What about a sender's domain is worth a second look before a campaign goes out."""

from dataclasses import dataclass

from django.conf import settings

from crm import signatures
from crm.channels import mime
from crm.dns import dmarc
from crm.domains import findings, hosts
from crm.domains.findings import Light
from crm.models import DomainStanding


@dataclass(frozen=True, slots=True)
class Doubt:
    """One such thing, by its code."""

    code: str
    domain: str
    envelope: str = ""


def doubts_about(*, sender: str) -> list[Doubt]:
    """What was found when DNS was last asked; nothing of senders whose provider signs for them.

    The built-in catcher and other servers on this machine are no way into the world.
    """
    domain = mime.domain_of(sender)
    if not any(not hosts.is_local(host=host) for host in hosts.servers(sender=domain)):
        return []
    envelope = signatures.ascii_of(domain=settings.EMAIL_BOUNCE_DOMAIN)
    found = []
    if not signatures.of_sender(sender=sender):
        found.append(Doubt("not_signed", domain))
    standing = DomainStanding.objects.filter(domain__domain=domain).first()
    kept = [findings.read(kept=one) for one in standing.findings] if standing else []
    if any(one.about == "dmarc" and one.light == Light.BAD for one in kept):
        found.append(Doubt("dmarc_would_fail", domain))
    if not dmarc.is_below(domain=envelope, above=domain):
        found.append(Doubt("envelope_apart", domain, envelope))
    return found
