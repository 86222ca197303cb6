"""Asking DNS."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import dns.nameserver
    import dns.resolver

_ONE_SERVER_SECONDS = 2.0
_SECONDS = 5.0


class Unanswered(Exception):  # noqa: N818 - it names what happened
    """DNS gave no answer, which says nothing about the record."""


class Resolver(Protocol):
    """Whoever is asked."""

    def ask(self, name: str, kind: str) -> list[str]:
        """The records of a kind (TXT, MX, A, AAAA) as text; none where there are none.

        MX comes as host names, the preferred first; an empty name is a null MX.
        """


class WorldResolver:
    """The DNS of this machine, or of servers that are named as `address` or `address:port`."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = servers
        self._resolver: dns.resolver.Resolver | None = None

    def ask(self, name: str, kind: str) -> list[str]:
        """Ask, and wait for a few seconds at most."""
        import dns.exception
        import dns.resolver

        try:
            answer = self._made().resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise Unanswered(f"{name} {kind}: {type(error).__name__}") from error
        return _texts(list(answer), kind)

    def _made(self) -> "dns.resolver.Resolver":
        import dns.resolver

        if self._resolver is None:
            made = dns.resolver.Resolver(configure=not self._servers)
            if self._servers:
                made.nameservers = [_server(text) for text in self._servers]
            made.timeout, made.lifetime = _ONE_SERVER_SECONDS, _SECONDS
            self._resolver = made
        return self._resolver


def _server(text: str) -> "dns.nameserver.Nameserver":
    import dns.nameserver

    address, _, port = text.rpartition(":")
    if not address or ":" in address:
        return dns.nameserver.Do53Nameserver(text)
    return dns.nameserver.Do53Nameserver(address, int(port))


def _texts(answer: list[object], kind: str) -> list[str]:
    if kind == "TXT":
        return [
            b"".join(one.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]
            for one in answer
        ]
    if kind == "MX":
        found = sorted((one.preference, str(one.exchange)) for one in answer)  # type: ignore[attr-defined]
        return [host.rstrip(".") for _, host in found]
    return [str(one) for one in answer]
