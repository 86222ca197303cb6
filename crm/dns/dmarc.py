"""DMARC records (RFC 7489), found by walking up the names from the sender's domain."""

from dataclasses import dataclass
from enum import StrEnum

from crm.dns.asking import Resolver
from crm.dns.keys import tags

_MOST_STEPS = 8


class Wrong(StrEnum):
    """Why there is no policy."""

    NONE = "none"
    SEVERAL = "several"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain asks for with mails that fail, and how near a name has to be."""

    # Where the record stands: a domain and what is below it are one organisation.
    domain: str
    policy: str
    is_strict_dkim: bool = False
    is_strict_spf: bool = False
    percent: int = 100

    def lets_dkim(self, *, signed: str, sender: str) -> bool:
        """Whether a signature of this domain speaks for the sender's."""
        return _is_near(signed, sender, self.domain, self.is_strict_dkim)

    def lets_spf(self, *, envelope: str, sender: str) -> bool:
        """Whether this envelope domain speaks for the sender's."""
        return _is_near(envelope, sender, self.domain, self.is_strict_spf)


def find(*, domain: str, resolver: Resolver) -> Policy | Wrong:
    """The policy for mails of a domain: its own, or the nearest one above."""
    labels = domain.split(".")
    for start in range(min(len(labels) - 1, _MOST_STEPS)):
        place = ".".join(labels[start:])
        texts = resolver.ask(f"_dmarc.{place}", "TXT")
        records = [text for text in texts if text.replace(" ", "").startswith("v=DMARC1")]
        if len(records) > 1:
            return Wrong.SEVERAL
        if records:
            return _read(records[0], place, is_own=start == 0)
    return Wrong.NONE


def _read(text: str, place: str, *, is_own: bool) -> Policy | Wrong:
    found = tags(text=text)
    policy = found.get("p", "") if is_own else found.get("sp", found.get("p", ""))
    percent = found.get("pct", "100")
    if policy not in {"none", "quarantine", "reject"} or not percent.isdecimal():
        return Wrong.UNREADABLE
    return Policy(
        domain=place,
        policy=policy,
        is_strict_dkim=found.get("adkim") == "s",
        is_strict_spf=found.get("aspf") == "s",
        percent=int(percent),
    )


def _is_near(one: str, other: str, organisation: str, is_strict: bool) -> bool:
    if is_strict or one == other:
        return one == other
    return is_below(domain=one, above=organisation) or is_below(domain=other, above=one)


def is_below(*, domain: str, above: str) -> bool:
    """Whether a domain is another, or a part of it."""
    return domain == above or domain.endswith(f".{above}")
