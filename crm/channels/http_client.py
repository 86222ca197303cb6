"""The one way out by HTTP: kept connections, no redirects, and no way into the private network."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any

import httpx

# IPv6 addresses that stand for the IPv4 address in their last four bytes.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All of IPv6 that is given to anybody; beside it are old and local forms that hide IPv4.
_IPV6_IN_USE = ipaddress.ip_network("2000::/3")
# Public by their number, but answered by the host of a cloud, and told its secrets.
_OF_CLOUDS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))
)
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")


class AddressRefused(httpx.RequestError):
    """The address leads into a private network, or is no web address."""


def trusted_client(*, timeout: float = 10.0, connections: int = 50) -> httpx.Client:
    """A client for addresses the operator has configured, such as a provider's."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(timeout=timeout, limits=limits, trust_env=False)


def guarded_client(*, allowed_hosts: Collection[str] = (), timeout: float = 10.0) -> httpx.Client:
    """A client for addresses that staff or customers gave: public hosts only, unless allowed."""
    return httpx.Client(timeout=timeout, transport=_Guard(frozenset(allowed_hosts)))


def public_address(host: str, port: int) -> str:
    """The address to connect to for a host, or AddressRefused if any of its addresses is private.

    The caller connects to what was checked, so that a name cannot change its mind in between.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"{host} cannot be found.") from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses or not all(_is_public(address) for address in addresses):
        raise AddressRefused(f"{host} is not a public address.")
    return addresses[0]


class _Guard(httpx.HTTPTransport):
    def __init__(self, allowed: frozenset[str]) -> None:
        super().__init__(trust_env=False, retries=0)
        self._allowed = allowed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in {"http", "https"} or url.userinfo:
            raise AddressRefused(f"{url.scheme or 'this'} is no web address.", request=request)
        if url.host not in self._allowed:
            port = url.port or (443 if url.scheme == "https" else 80)
            extensions: dict[str, Any] = {**request.extensions, "sni_hostname": url.host}
            request = httpx.Request(
                request.method,
                url.copy_with(host=public_address(url.host, port)),
                headers=request.headers,  # Host stays the name that was asked for
                stream=request.stream,
                extensions=extensions,
            )
        return super().handle_request(request)


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if parsed in _NAT64:
        mapped = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    if mapped is not None:
        parsed = mapped
    elif parsed.version == 6 and (parsed not in _IPV6_IN_USE or parsed in _DOCUMENTATION):
        return False
    is_local = any(parsed in network for network in _OF_CLOUDS)
    return parsed.is_global and not parsed.is_multicast and not is_local
