"""Group calls: which company somebody belongs to, and what is known about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crm import companies
from crm.ingest import wire
from crm.ingest.facts import Fact

_SAID_ELSEWHERE = frozenset({"name", "domain", "website", "industry", "country", "employees"})


def join(*, told: Sequence[tuple[Fact, int]], now: datetime) -> None:
    """Record the companies that were named, and who belongs to them."""
    companies.record_many(companies=[_company(fact) for fact, _ in told], now=now)
    memberships = [
        companies.Membership(_key(fact), customer_id, _text(_traits(fact).get("role")))
        for fact, customer_id in told
    ]
    companies.join_many(memberships=memberships, now=now)


def _company(fact: Fact) -> companies.NewCompany:
    traits = _traits(fact)
    return companies.NewCompany(
        key=_key(fact),
        name=_text(traits.get("name")),
        domain=_domain(_text(traits.get("domain")) or _text(traits.get("website"))),
        industry=_text(traits.get("industry")),
        country=_text(traits.get("country")),
        employees=_count(traits.get("employees")),
        attributes={name: value for name, value in traits.items() if name not in _SAID_ELSEWHERE},
    )


def _key(fact: Fact) -> str:
    return wire.text_of(value=fact.call.group_id)


def _traits(fact: Fact) -> Mapping[str, Any]:
    raw = bytes(fact.call.traits)
    found = msgspec.json.decode(raw) if raw else None
    return found if isinstance(found, dict) else {}


def _domain(address: str) -> str:
    if "//" not in address:
        return address.partition("/")[0]
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _count(value: Any) -> int | None:
    """Clients send the number of employees as a number or in digits."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
