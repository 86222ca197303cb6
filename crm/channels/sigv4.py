"""Requests to Amazon, signed as its Signature Version 4 asks for."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

from crm.channels import proofs
from crm.channels.http_wire import Call, parts_of

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, for which service and where."""

    key_id: str
    secret: str
    region: str
    service: str


def signed(call: Call, signing: Signing, *, at: datetime | None = None) -> Call:
    """The request with the headers that prove who sends it, valid for a quarter of an hour."""
    moment = f"{at or proofs.now():%Y%m%dT%H%M%SZ}"
    _origin, authority, _target = parts_of(call.url)
    headers = {name.lower(): " ".join(value.split()) for name, value in call.headers}
    headers |= {"host": authority, "x-amz-date": moment}
    scope = f"{moment[:8]}/{signing.region}/{signing.service}/aws4_request"
    names = ";".join(sorted(headers))
    asked = f"{_ALGORITHM}\n{moment}\n{scope}\n{proofs.sha256(_canonical(call, headers).encode())}"
    proof = hmac.digest(_key(signing, moment[:8]), asked.encode(), "sha256").hex()
    credential = f"Credential={signing.key_id}/{scope}"
    told = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={proof}"
    return replace(call, headers=(*call.headers, ("X-Amz-Date", moment), ("Authorization", told)))


def _canonical(call: Call, headers: dict[str, str]) -> str:
    """The request as both sides write it down before they sign it."""
    parts = urlsplit(call.url)
    fields = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    lines = [f"{name}:{headers[name]}\n" for name in sorted(headers)]
    return "\n".join(
        (
            call.method,
            quote(parts.path or "/", safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in fields),
            "".join(lines),
            ";".join(sorted(headers)),
            proofs.sha256(call.body),
        )
    )


def _key(signing: Signing, day: str) -> bytes:
    key = f"AWS4{signing.secret}".encode()
    for step in (day, signing.region, signing.service, "aws4_request"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
