"""Fetching what a provider keeps for us at an address that it tells: public hosts only."""

from collections.abc import Collection

import httpx

from crm.channels.base import ProviderAway
from crm.channels.http_client import guarded_client

# What a mail says of itself stands in its beginning; attachments are not kept anyhow.
MOST_BYTES = 1_000_000


def fetch(url: str, *, allowed_hosts: Collection[str] = (), most: int = MOST_BYTES) -> bytes:
    """What lies at an address, as far as it is of use; ProviderAway where it cannot be had."""
    found = bytearray()
    try:
        with (
            guarded_client(allowed_hosts=allowed_hosts) as client,
            client.stream("GET", url) as answer,
        ):
            for piece in answer.raise_for_status().iter_bytes():
                found += piece
                if len(found) >= most:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProviderAway(f"What is held cannot be fetched: {type(error).__name__}") from error
    return bytes(found[:most])
