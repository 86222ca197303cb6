"""Where we may connect to: public addresses, and private ones only as the operator names them.

Whoever types an address is not to see our own network by it. An operator names a host as it will be
written (`relay.internal`, `10.1.2.3`) or a network (`10.0.0.0/8`), each also with one port.
"""

import ipaddress
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv6 addresses that stand for the IPv4 address in their last four bytes.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All of IPv6 that is given to anybody; beside it are old and local forms that hide IPv4.
_IPV6_IN_USE = ipaddress.ip_network("2000::/3")
# Public by their number, but answered by the host of a cloud, and told its secrets.
_OF_CLOUDS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
)
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")
_LAST_PORT = 65_535


class AddressRefused(OSError):  # noqa: N818 - it names what happened
    """A host leads where nobody may go, or nowhere; the cause of the latter is behind it."""


@dataclass(frozen=True, slots=True)
class Named:
    """One place that the operator has named; no port is any."""

    host: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    port: int | None


@lru_cache(256)
def named(entry: str) -> Named:
    """Read what the operator wrote; ValueError where it is no host, address or network."""
    text, port = entry.strip().lower(), ""
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT):
        raise ValueError(f"{entry!r} has no port that is one.")
    network = None
    if "/" in text:
        network = ipaddress.ip_network(text, strict=False)
    elif ":" in text:
        ipaddress.ip_address(text)
    if not text or any(letter.isspace() or letter in "@*[]" for letter in text):
        raise ValueError(f"{entry!r} is no host, address or network.")
    return Named(_as_written(text), network, int(port) if port else None)


def addresses(host: str, port: int, *, but: Collection[str] = ()) -> list[str]:
    """The addresses of a host; AddressRefused if any is private and not among what `but` names.

    The caller connects to what was checked, so that a name cannot change its mind in between.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"{host} cannot be found.") from error
    numbers = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    places = [place for place in map(named, but) if place.port in {None, port}]
    is_named = any(place.host == _as_written(host) for place in places)
    if not numbers or not (is_named or all(_may_go(number, places) for number in numbers)):
        raise AddressRefused(f"{host} is not a public address, and the operator has not named it.")
    return numbers


def in_ascii(host: str) -> str:
    """A host as name servers know it, by IDNA 2008; UnicodeError where it is none.

    By the rules of 2003, which Python knows, `straße.example` is `strasse.example`: somebody else.
    Only what those of 2008 have no letter for, as signs, is written by them.
    """
    if not host.isascii():
        import idna

        with suppress(idna.IDNAError):
            return idna.encode(host, uts46=True).decode()
    return host.encode("idna").decode()


def connect(
    host: str, port: int, *, timeout: float, but: Collection[str] | None = ()
) -> socket.socket:
    """Connect to the first address of a host that answers; where `but` is nothing, unchecked."""
    if but is None:
        return socket.create_connection((host, port), timeout)
    last: OSError = AddressRefused(f"{host} cannot be found.")
    for number in addresses(host, port, but=but):
        try:
            return socket.create_connection((number, port), timeout)
        except OSError as error:
            last = error
    raise last


def _as_written(host: str) -> str:
    """A host in the one form by which it is compared; what a name leads to plays no part."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")


def _may_go(number: str, places: Collection[Named]) -> bool:
    try:
        address = ipaddress.ip_address(number)
    except ValueError:
        return False
    meant = _meant(address)
    is_named = any(place.network and meant in place.network for place in places)
    return is_named or _is_public(meant)


def _meant(address: _Address) -> _Address:
    """The IPv4 address that one of IPv6 stands for, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: _Address) -> bool:
    is_outside = address not in _IPV6_IN_USE or address in _DOCUMENTATION
    if address.version == 6 and is_outside:
        return False
    is_local = any(address in network for network in _OF_CLOUDS)
    return address.is_global and not address.is_multicast and not is_local
