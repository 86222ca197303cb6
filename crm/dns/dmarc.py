"""DMARC records (RFC 7489), found by walking up the names from the sender's domain.

Of several records on the way the highest one is that of the organisation: it speaks for names that
have none of their own, and within it names are near to one another.
"""

from dataclasses import dataclass
from enum import StrEnum

from crm.dns.asking import Resolver
from crm.dns.keys import tags

# So many names are asked besides the sender's own, however deep that is.
_MOST_ABOVE = 7
_POLICIES = frozenset({"none", "quarantine", "reject"})


class Wrong(StrEnum):
    """Why there is no policy."""

    NONE = "none"
    SEVERAL = "several"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain asks for with mails that fail, and how near a name has to be."""

    # Where the record stands.
    domain: str
    policy: str
    is_strict_dkim: bool = False
    is_strict_spf: bool = False
    percent: int = 100
    # This name and what is below it are one organisation; empty: where the record stands.
    organisation: str = ""

    def lets_dkim(self, *, signed: str, sender: str) -> bool:
        """Whether a signature of this domain speaks for the sender's."""
        return _is_near(signed, sender, self.organisation or self.domain, self.is_strict_dkim)

    def lets_spf(self, *, envelope: str, sender: str) -> bool:
        """Whether this envelope domain speaks for the sender's."""
        return _is_near(envelope, sender, self.organisation or self.domain, self.is_strict_spf)


def find(*, domain: str, resolver: Resolver) -> Policy | Wrong:
    """The policy for mails of a domain: its own, or that of the organisation above."""
    own = _records(domain, resolver)
    if len(own) > 1:
        return Wrong.SEVERAL
    organisation, theirs = _organisation(domain, resolver)
    if own:
        return _read(own[0], domain, organisation or domain, is_own=True)
    return _read(theirs, organisation, organisation, is_own=False) if theirs else Wrong.NONE


def _organisation(domain: str, resolver: Resolver) -> tuple[str, str]:
    """The highest name above a domain that has a record, and that; nothing where none has."""
    labels = domain.split(".")
    found = "", ""
    for start in range(max(1, len(labels) - _MOST_ABOVE), len(labels) - 1):
        place = ".".join(labels[start:])
        records = _records(place, resolver)
        if len(records) == 1:
            # Under a public suffix everybody is an organisation of their own.
            if tags(text=records[0]).get("psd") == "y":
                break
            found = place, records[0]
    return found


def _records(place: str, resolver: Resolver) -> list[str]:
    texts = resolver.ask(f"_dmarc.{place}", "TXT")
    return [text for text in texts if text.replace(" ", "").startswith("v=DMARC1")]


def _read(text: str, place: str, organisation: str, *, is_own: bool) -> Policy | Wrong:
    found = {name: value.lower() for name, value in tags(text=text).items()}
    policy = found.get("p", "") if is_own else found.get("sp", found.get("p", ""))
    percent = found.get("pct", "100")
    if policy not in _POLICIES and "rua" in found:
        policy = "none"  # who asks for reports asks for nothing else (§6.6.3)
    if policy not in _POLICIES or not percent.isdecimal():
        return Wrong.UNREADABLE
    return Policy(
        domain=place,
        policy=policy,
        is_strict_dkim=found.get("adkim") == "s",
        is_strict_spf=found.get("aspf") == "s",
        percent=int(percent),
        organisation=organisation,
    )


def _is_near(one: str, other: str, organisation: str, is_strict: bool) -> bool:
    if is_strict or one == other:
        return one == other
    return is_below(domain=one, above=organisation) or is_below(domain=other, above=one)


def is_below(*, domain: str, above: str) -> bool:
    """Whether a domain is another, or a part of it."""
    return domain == above or domain.endswith(f".{above}")
