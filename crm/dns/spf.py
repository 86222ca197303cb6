"""SPF (RFC 7208): whether a host may use a domain in MAIL FROM, and what is wrong with the record.

Of a record that cannot be right (two of them, too many look-ups, a word nobody knows) mail systems
believe nothing; it is said which of these it is.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from crm.dns.asking import Resolver

MOST_LOOKUPS = 10
_MOST_VOID = 2
_MOST_MX = 10
_TERM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:[:]([^/\s]\S*?))?((?:/\d{1,3})?(?://\d{1,3})?)",
    re.I,
)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(\S*)", re.I)
# Begins what a receiver fills in for each mail (RFC 7208 §7), as in `include:%{i}.spf.example`.
_MACRO = "%"
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists"})

Ip = IPv4Address | IPv6Address


class Trouble(StrEnum):
    """Why a record is worth nothing."""

    NONE = "none"
    SEVERAL = "several"
    LOOKUPS = "lookups"
    VOID = "void"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What SPF says of a host, or what keeps it from saying anything."""

    result: str = ""
    trouble: Trouble | None = None
    detail: str = ""
    lookups: int = 0


class _Broken(Exception):  # noqa: N818 - it names what the record is
    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble, self.detail = trouble, detail


def check(*, domain: str, ip: str, resolver: Resolver) -> Verdict:
    """What the record of a domain says of mails that come from this address."""
    return _walked(domain, _Walk(ip_address(ip), resolver))


def read_whole(*, domain: str, resolver: Resolver) -> Verdict:
    """Read all of a record, as for an address that nothing lets pass early."""
    return _walked(domain, _Walk(None, resolver))


def _walked(domain: str, walk: "_Walk") -> Verdict:
    try:
        result = walk.result(domain)
    except _Broken as broken:
        return Verdict(trouble=broken.trouble, detail=broken.detail, lookups=walk.lookups)
    return Verdict(result=result, lookups=walk.lookups)


@dataclass(slots=True)
class _Walk:
    """One reading of a record and all it includes; without an address nothing in it matches."""

    ip: Ip | None
    resolver: Resolver
    lookups: int = 0
    voids: int = 0

    def result(self, domain: str, path: tuple[str, ...] = ()) -> str:
        """What the record of a domain says; `path` is who included it."""
        if domain in path:
            raise _Broken(Trouble.LOOKUPS, domain)
        terms, redirect = _parsed(self._record(domain), domain)
        for term in terms:
            if term.kind in _ASKING:
                self._count(domain)
            if self._matches(term, term.target or domain, (*path, domain)):
                return _RESULTS[term.sign]
        if redirect and not any(term.kind == "all" for term in terms):
            self._count(domain)
            if _MACRO not in redirect:
                return self.result(redirect, (*path, domain))
        return "neutral"

    def _record(self, domain: str) -> str:
        texts = self.resolver.ask(domain, "TXT")
        records = [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]
        if not records:
            raise _Broken(Trouble.NONE, domain)
        if len(records) > 1:
            raise _Broken(Trouble.SEVERAL, domain)
        return records[0]

    def _count(self, domain: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _Broken(Trouble.LOOKUPS, domain)

    def _matches(self, term: "_Term", target: str, path: tuple[str, ...]) -> bool:
        # What depends on the mail, or is not to be used, lets nothing pass that we could name.
        if _MACRO in target or term.kind == "ptr":
            return False
        if term.kind == "include":
            return self.result(target, path) == "pass"
        if term.kind in {"ip4", "ip6"}:
            return self._is_in([target + term.prefix])
        if term.kind == "all":
            return self.ip is not None
        if term.kind == "exists":
            return bool(self._asked(target, "A")) and self.ip is not None
        hosts = [target] if term.kind == "a" else self._asked(target, "MX")[:_MOST_MX]
        is_six = self.ip is not None and self.ip.version == 6
        length = term.lengths[is_six]
        found = [one for host in hosts for one in self._asked(host, "AAAA" if is_six else "A")]
        return self._is_in([f"{one}/{length}" for one in found])

    def _asked(self, name: str, kind: str) -> list[str]:
        found = self.resolver.ask(name, kind)
        if not found:
            self.voids += 1
            if self.voids > _MOST_VOID:
                raise _Broken(Trouble.VOID, name)
        return found

    def _is_in(self, places: list[str]) -> bool:
        networks = [ip_network(place, strict=False) for place in places]
        return self.ip is not None and any(self.ip in network for network in networks)


@dataclass(frozen=True, slots=True)
class _Term:
    sign: str
    kind: str
    target: str
    prefix: str

    @property
    def lengths(self) -> tuple[str, str]:
        """How long the part of an address is that counts, of IPv4 and of IPv6."""
        four, _, six = self.prefix.partition("//")
        return four.removeprefix("/") or "32", six or "128"


def _parsed(record: str, domain: str) -> tuple[list[_Term], str]:
    """The terms, and where a redirect leads."""
    terms: list[_Term] = []
    redirect = ""
    for word in record.split()[1:]:
        modifier = _MODIFIER.fullmatch(word)
        if modifier:
            redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
            continue
        read = _TERM.fullmatch(word)
        if not read:
            raise _Broken(Trouble.UNREADABLE, f"{domain}: {word}")
        sign, kind, target, prefix = (part or "" for part in read.groups())
        terms.append(_Term(sign or "+", kind.lower(), target.rstrip(".").lower(), prefix))
        if not _can_be(terms[-1]):
            raise _Broken(Trouble.UNREADABLE, f"{domain}: {word}")
    return terms, redirect.rstrip(".").lower()


def _can_be(term: _Term) -> bool:
    if term.kind in {"ip4", "ip6"}:
        try:
            return ip_network(term.target + term.prefix, strict=False).version == int(term.kind[2])
        except ValueError:
            return False
    four, six = term.lengths
    if term.kind in {"include", "exists"} and not term.target:
        return False
    return int(four) <= 32 and int(six) <= 128
