"""Looking: every check is one statement over all customers; findings come and go with the data."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from crm.choices import AttributeState, QualityCheck
from crm.duplicates import typos

STALE_AFTER = timedelta(days=730)
# A value this many times the spread of the middle half above it is far from what is usual.
_FAR = 6

# Each gives (customer_id, field, value, suggestion).
_NO_ADDRESS = """
    SELECT c.id, '', '', '' FROM crm_customer c
    WHERE c.email = '' AND c.phone = '' AND EXISTS (
        SELECT FROM crm_identity i WHERE i.customer_id = c.id AND i.kind = 'external')
"""
_NO_COUNTRY = """
    SELECT c.id, 'country', '', coalesce((
        SELECT country
        FROM unnest(%(prefixes)s::text[], %(countries)s::text[]) AS known (prefix, country)
        WHERE c.phone LIKE prefix || '%%' ORDER BY length(prefix) DESC LIMIT 1), '')
    FROM crm_customer c WHERE c.country = '' AND (c.email <> '' OR c.phone <> '')
"""
_BAD_EMAIL = r"""
    SELECT c.id, 'email', c.email, '' FROM crm_customer c
    WHERE c.email <> '' AND (c.email !~ '^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$' OR c.email LIKE '%%..%%'
        OR c.email ~ '@(example|test|localhost|invalid)\.(com|org|net|local)$'
        OR c.email ~ '^(no-?reply|none|noemail|test|asdf|n/?a)@')
"""
_TYPO_DOMAIN = """
    SELECT c.id, 'email', c.email, split_part(c.email, '@', 1) || '@' || typo.meant
    FROM unnest(%(domains)s::text[], %(meant)s::text[]) AS typo (domain, meant)
    JOIN crm_customer c ON split_part(c.email, '@', 2) = typo.domain
"""
_BAD_PHONE = r"""
    SELECT c.id, 'phone', c.phone, '' FROM crm_customer c
    WHERE c.phone <> '' AND (c.phone !~ '^\+[1-9][0-9]{6,14}$' OR c.phone ~ '([0-9])\1{7,}$')
"""
_BAD_NAME = r"""
    SELECT c.id, name.field, name.said, btrim(regexp_replace(
        CASE WHEN name.said ~ '^[A-Z ''-]{4,}$' OR name.said ~ '^[a-z ''-]{2,}$'
             THEN initcap(name.said) ELSE name.said END, '\s+', ' ', 'g'))
    FROM crm_customer c
    CROSS JOIN LATERAL (VALUES ('first_name', c.first_name), ('last_name', c.last_name))
        AS name (field, said)
    WHERE name.said ~ '^[A-Z ''-]{4,}$' OR name.said ~ '\s\s' OR name.said ~ '^[a-z]{3,}$'
"""
_OUTLYING = """
    WITH usual AS (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ln(total)) AS middle,
               percentile_cont(0.75) WITHIN GROUP (ORDER BY ln(total))
             - percentile_cont(0.25) WITHIN GROUP (ORDER BY ln(total)) AS spread
        FROM crm_order WHERE total > 0 AND state = 'placed'
    )
    SELECT o.customer_id, 'order ' || o.number, o.total || ' ' || o.currency, ''
    FROM crm_order o CROSS JOIN usual
    WHERE o.customer_id IS NOT NULL AND o.total > 0 AND o.state = 'placed' AND usual.spread > 0
      AND ln(o.total) > usual.middle + %(far)s * usual.spread
    UNION ALL
    SELECT c.id, 'created_at', c.created_at::text, '' FROM crm_customer c
    WHERE c.created_at > %(now)s
"""
_STALE = """
    SELECT c.id, '', coalesce(c.last_seen_at, c.created_at)::date::text, '' FROM crm_customer c
    WHERE coalesce(c.last_seen_at, c.created_at) < %(stale)s
      AND EXISTS (SELECT FROM crm_consent k WHERE k.customer_id = c.id AND k.state = 'granted')
      AND NOT EXISTS (SELECT FROM crm_marketingpause p WHERE p.customer_id = c.id
                      AND p.lifted_at IS NULL AND p.expires_at > %(now)s)
"""
_BAD_ATTRIBUTE = """
    SELECT c.id, 'attributes.' || d.name, left(c.attributes ->> d.name, 320), CASE
        WHEN d.type IN ('number', 'money') AND jsonb_typeof(c.attributes -> d.name) = 'string'
            AND pg_input_is_valid(btrim(c.attributes ->> d.name), 'numeric')
            THEN btrim(c.attributes ->> d.name)
        WHEN d.type = 'boolean' AND lower(c.attributes ->> d.name) IN ('yes', 'true', '1', 'y')
            THEN 'true'
        WHEN d.type = 'boolean' AND lower(c.attributes ->> d.name) IN ('no', 'false', '0', 'n')
            THEN 'false'
        WHEN d.type = 'choice' THEN coalesce((
            SELECT choice FROM unnest(d.choices) AS choice
            WHERE lower(choice) = lower(btrim(c.attributes ->> d.name)) LIMIT 1), '')
        ELSE '' END
    FROM crm_attributedefinition d
    JOIN crm_customer c ON c.attributes ? d.name
    WHERE d.state = %(adopted)s AND jsonb_typeof(c.attributes -> d.name) <> 'null' AND NOT CASE
        WHEN d.type = 'money' AND jsonb_typeof(c.attributes -> d.name) = 'object'
            THEN jsonb_typeof(c.attributes -> d.name -> 'amount') = 'number'
            AND c.attributes -> d.name ->> 'currency' ~ '^[A-Z]{3}$'
        WHEN d.type IN ('number', 'money') THEN jsonb_typeof(c.attributes -> d.name) = 'number'
        WHEN d.type = 'boolean' THEN jsonb_typeof(c.attributes -> d.name) = 'boolean'
        WHEN d.type = 'date' THEN jsonb_typeof(c.attributes -> d.name) = 'string'
            AND pg_input_is_valid(c.attributes ->> d.name, 'timestamptz')
        WHEN d.type = 'choice' THEN c.attributes ->> d.name = ANY (d.choices)
        WHEN d.type = 'multi_choice' THEN jsonb_typeof(c.attributes -> d.name) = 'array'
        ELSE jsonb_typeof(c.attributes -> d.name) = 'string' END
"""

_STATEMENTS: Mapping[QualityCheck, str] = {
    QualityCheck.NO_ADDRESS: _NO_ADDRESS,
    QualityCheck.NO_COUNTRY: _NO_COUNTRY,
    QualityCheck.BAD_EMAIL: _BAD_EMAIL,
    QualityCheck.TYPO_DOMAIN: _TYPO_DOMAIN,
    QualityCheck.BAD_PHONE: _BAD_PHONE,
    QualityCheck.BAD_NAME: _BAD_NAME,
    QualityCheck.BAD_ATTRIBUTE: _BAD_ATTRIBUTE,
    QualityCheck.OUTLYING: _OUTLYING,
    QualityCheck.STALE: _STALE,
}

_FOUND = """
    CREATE TEMPORARY TABLE found ON COMMIT DROP AS
    SELECT DISTINCT ON (customer_id, field) customer_id, field, left(value, 320) AS value,
        left(suggestion, 320) AS suggestion
    FROM ({statement}) AS seen (customer_id, field, value, suggestion)
"""
# A finding whose value changed is gone first, so that its place is free.
_DROP = """
    DELETE FROM crm_qualityfinding held
    WHERE held.check_name = %(check)s AND NOT EXISTS (
        SELECT FROM found WHERE found.customer_id = held.customer_id
          AND found.field = held.field AND found.value = held.value)
"""
_KEEP = """
    INSERT INTO crm_qualityfinding
        (check_name, customer_id, field, value, suggestion, found_at, is_accepted)
    SELECT %(check)s, customer_id, field, value, suggestion, %(now)s::timestamptz, false
    FROM found ON CONFLICT (check_name, customer_id, field) DO NOTHING
"""


def look(*, now: datetime) -> dict[str, int]:
    """Look everything through; gives how many new findings each check has.

    What is mended meanwhile is listed no more; what was left as it is on purpose stays so until
    its value changes.
    """
    return {check.value: _look(check, statement, now) for check, statement in _STATEMENTS.items()}


def _look(check: QualityCheck, statement: str, now: datetime) -> int:
    params = {
        "check": check.value,
        "now": now,
        "stale": now - STALE_AFTER,
        "far": _FAR,
        "adopted": AttributeState.ADOPTED.value,
        **_LISTS.get(check, dict)(),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.found")
        cursor.execute(_FOUND.replace("{statement}", statement), params)
        cursor.execute(_DROP, params)
        cursor.execute(_KEEP, params)
        return int(cursor.rowcount)


def _typos() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT split_part(email, '@', 2) FROM crm_customer")
        domains = [domain for (domain,) in cursor.fetchall() if domain]
    meant = {domain: typos.right_domain(domain=domain) for domain in domains}
    wrong = {domain: right for domain, right in meant.items() if right}
    return {"domains": list(wrong), "meant": list(wrong.values())}


def _prefixes() -> dict[str, Any]:
    """The countries that a phone number's beginning names for sure."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    sure = {
        f"+{code}": regions[0]
        for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        if len(regions) == 1 and regions[0] != "001"
    }
    return {"prefixes": list(sure), "countries": list(sure.values())}


_LISTS: Mapping[QualityCheck, Callable[[], dict[str, Any]]] = {
    QualityCheck.TYPO_DOMAIN: _typos,
    QualityCheck.NO_COUNTRY: _prefixes,
}
