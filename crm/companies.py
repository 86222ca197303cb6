"""Companies: what is known about them, who belongs to them, what their people come to."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from crm import changes, normalise
from crm.models import CompanyMember

_LARGEST_CROWD = 2_000_000_000

# What is empty is unknown and changes nothing.
_RECORD = """
    INSERT INTO crm_company AS known
        (key, name, domain, industry, country, employees, attributes, created_at)
    SELECT key, coalesce(nullif(name, ''), key), domain, industry, country, employees,
           attributes, %s
    FROM jsonb_to_recordset(%s) AS new (key text, name text, domain text, industry text,
        country text, employees int, attributes jsonb)
    ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        name = CASE WHEN excluded.name = excluded.key THEN known.name ELSE excluded.name END,
        domain = coalesce(nullif(excluded.domain, ''), known.domain),
        industry = coalesce(nullif(excluded.industry, ''), known.industry),
        country = coalesce(nullif(excluded.country, ''), known.country),
        employees = coalesce(excluded.employees, known.employees),
        attributes = known.attributes || excluded.attributes
    RETURNING key, id
"""
# Each is looked up by itself, whatever is thought of the size of the tables: a join would compare
# each with each where they are thought empty. So below.
_JOIN = """
    INSERT INTO crm_companymember AS known (company_id, customer_id, role, created_at)
    SELECT c.id, new.customer_id, new.role, %s
    FROM jsonb_to_recordset(%s) AS new (key text, customer_id bigint, role text)
    CROSS JOIN LATERAL (SELECT id FROM crm_company WHERE key = new.key LIMIT 1) AS c
    ORDER BY c.id, new.customer_id
    ON CONFLICT (company_id, customer_id) DO UPDATE SET role = excluded.role
    WHERE excluded.role <> '' AND excluded.role <> known.role
"""
_LOCK = "SELECT id FROM crm_company WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
_REFRESH = """
    INSERT INTO crm_companystatistics
        (company_id, members, orders, revenue, last_order_at, last_seen_at)
    SELECT f.id, count(m.id), coalesce(sum(s.orders), 0), coalesce(sum(s.revenue), 0),
           max(s.last_order_at), max(c.last_seen_at)
    FROM crm_company f
    LEFT JOIN LATERAL (
        SELECT id, customer_id FROM crm_companymember WHERE company_id = f.id OFFSET 0
    ) AS m ON true
    LEFT JOIN LATERAL (
        SELECT last_seen_at FROM crm_customer WHERE id = m.customer_id OFFSET 0
    ) AS c ON true
    LEFT JOIN LATERAL (
        SELECT * FROM crm_orderstatistics WHERE customer_id = m.customer_id OFFSET 0
    ) AS s ON true
    WHERE f.id = ANY(%s::bigint[]) GROUP BY f.id
    ON CONFLICT (company_id) DO UPDATE SET
        members = excluded.members, orders = excluded.orders, revenue = excluded.revenue,
        last_order_at = excluded.last_order_at, last_seen_at = excluded.last_seen_at
"""


@dataclass(frozen=True, slots=True)
class NewCompany:
    """A company as somebody reports it; what is empty is unknown and changes nothing."""

    key: str
    name: str = ""
    domain: str = ""
    industry: str = ""
    country: str = ""
    employees: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Membership:
    """A customer who belongs to a company."""

    key: str
    customer_id: int
    role: str = ""


@transaction.atomic
def record_many(*, companies: Sequence[NewCompany], now: datetime) -> dict[str, int]:
    """Add or renew companies and give their ids by key; of two with one key the last counts."""
    latest = {company.key: company for company in companies}
    rows = [
        {
            "key": company.key,
            "name": company.name.strip()[:255],
            "domain": company.domain.strip().lower()[:255],
            "industry": company.industry.strip()[:150],
            "country": normalise.country(company.country),
            "employees": _employees(company.employees),
            "attributes": dict(company.attributes),
        }
        for company in latest.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [now, json.dumps(rows)])
        ids = dict(cursor.fetchall())
    note_changed(company_ids=ids.values(), now=now)
    return ids


def note_changed(*, company_ids: Iterable[int], now: datetime) -> None:
    """Tell whoever asks where people work that these companies are not what they were."""
    whose = "SELECT customer_id FROM crm_companymember WHERE company_id = ANY(%s::bigint[])"
    asked = [list(company_ids)]
    changes.note_selected(select=whose, params=asked, subjects=(changes.COMPANY,), now=now)


@transaction.atomic
def join_many(*, memberships: Sequence[Membership], now: datetime) -> int:
    """Let customers belong to companies that are known; gives how many memberships changed."""
    latest = {(one.key, one.customer_id): one for one in memberships}
    rows = [
        {"key": one.key, "customer_id": one.customer_id, "role": one.role.strip()[:100]}
        for one in latest.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_JOIN, [now, json.dumps(rows)])
        changed = int(cursor.rowcount)
    joined = {one.customer_id for one in memberships}
    changes.note(customer_ids=joined, subjects=(changes.COMPANY,), now=now)
    refresh_statistics(customer_ids=joined)
    return changed


def of(*, customer_ids: Collection[int]) -> list[int]:
    """The companies that any of these customers belong to."""
    found = CompanyMember.objects.filter(customer_id__in=customer_ids)
    return sorted(set(found.values_list("company_id", flat=True)))


def refresh_statistics(*, customer_ids: Collection[int]) -> None:
    """Add up the companies of these customers again; locks the companies."""
    recount(company_ids=of(customer_ids=customer_ids))


@transaction.atomic
def recount(*, company_ids: Collection[int]) -> None:
    """Add up what the members of these companies come to; locks the companies."""
    if not company_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(company_ids)])
        # A statement of its own: it must see what the lock waited for.
        cursor.execute(_REFRESH, [list(company_ids)])


def _employees(count: int | None) -> int | None:
    return None if count is None else min(max(count, 0), _LARGEST_CROWD)
