"""Finding pairs of customers who may be one person, in a few statements over all of them.

People are only compared within small groups that share a phone, an address or a place with the
beginning of a name, so that the work grows with the number of customers and not with its square.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from crm.choices import CandidateReason, CandidateState
from crm.customers.people import NAMELESS
from crm.duplicates import typos
from crm.models import DuplicateCandidate

# What more people share than this says nothing about any two of them.
_SHARED_AT_MOST = 10
_BLOCK_AT_MOST = 50
# The most likely pairs are enough for one hour's work.
_PAIRS_AT_MOST = 20_000
_LOCAL_LENGTH = 5
_NO_DIGITS = str.maketrans("", "", "0123456789")

# A pair that is known to be two people is none: both have a verified identity of one kind.
_KEEP = """
    INSERT INTO crm_duplicatecandidate AS held
        (left_id, right_id, reason, score, state, evidence, found_at)
    SELECT DISTINCT ON (pair.one, pair.other) pair.one, pair.other, %(reason)s,
        round(pair.score::numeric, 3), 'open', '{{}}', %(now)s
    FROM ({pairs}) AS pair (one, other, score)
    WHERE NOT EXISTS (
        SELECT FROM crm_identity mine JOIN crm_identity theirs ON theirs.kind = mine.kind
        WHERE mine.customer_id = pair.one AND theirs.customer_id = pair.other
          AND mine.verified_at IS NOT NULL AND theirs.verified_at IS NOT NULL
          AND NOT mine.kind = ANY(%(nameless)s)
    )
    ORDER BY pair.one, pair.other, pair.score DESC
    ON CONFLICT (left_id, right_id) DO UPDATE
        SET score = excluded.score, reason = excluded.reason
        WHERE held.state = 'open' AND held.score < excluded.score
    RETURNING to_jsonb(old) IS NULL
"""

_NAME = "lower(btrim({0}.first_name || ' ' || {0}.last_name))"
_LIKENESS = f"""CASE WHEN {_NAME.format("l")} = '' OR {_NAME.format("r")} = '' THEN 0.5
    ELSE similarity({_NAME.format("l")}, {_NAME.format("r")}) END"""

_SAME = """
    SELECT l.id, r.id, {least} + (1 - {least}) * {likeness}
    FROM (SELECT {column} FROM crm_customer WHERE {column} <> ''
          GROUP BY {column} HAVING count(*) BETWEEN 2 AND %(shared)s) AS shared
    JOIN crm_customer l USING ({column})
    JOIN crm_customer r ON r.{column} = l.{column} AND l.id < r.id
    ORDER BY 3 DESC LIMIT %(limit)s
"""

_SIMILAR_NAME = """
    WITH person AS MATERIALIZED (
        SELECT id, lower(btrim(first_name)) AS first, lower(btrim(last_name)) AS last, country,
            lower(btrim(first_name || ' ' || last_name)) AS name, lower(street) AS street,
            upper(replace(postcode, ' ', '')) AS postcode, lower(btrim(city)) AS city
        FROM crm_customer
        WHERE first_name <> '' AND last_name <> '' AND (postcode <> '' OR city <> '')
    ), block AS MATERIALIZED (
        SELECT id, concat_ws('|', 'p', country, postcode) AS key FROM person WHERE postcode <> ''
        UNION ALL
        SELECT id, concat_ws('|', 'l', country, city, left(last, 3)) FROM person WHERE city <> ''
        UNION ALL
        SELECT id, concat_ws('|', 'f', country, city, left(first, 3)) FROM person WHERE city <> ''
    ), small AS (
        SELECT key FROM block GROUP BY key HAVING count(*) BETWEEN 2 AND %(block)s
    ), near AS (
        SELECT DISTINCT mine.id AS one, theirs.id AS other
        FROM small JOIN block mine USING (key) JOIN block theirs USING (key)
        WHERE mine.id < theirs.id
    ), scored AS (
        SELECT one, other, similarity(l.name, r.name) AS names, CASE
            WHEN l.postcode <> '' AND l.postcode = r.postcode AND l.street <> '' AND r.street <> ''
                THEN 0.5 + 0.5 * similarity(l.street, r.street)
            WHEN l.postcode <> '' AND l.postcode = r.postcode THEN 0.7
            WHEN l.postcode <> '' AND r.postcode <> '' THEN 0
            ELSE 0.4 END AS place
        FROM near JOIN person l ON l.id = one JOIN person r ON r.id = other
    )
    SELECT one, other, 0.6 * names + 0.4 * place FROM scored
    WHERE names >= 0.5 AND 0.6 * names + 0.4 * place >= 0.6
    ORDER BY 3 DESC LIMIT %(limit)s
"""

_SAME_LOCAL_PART = f"""
    SELECT least(l.id, r.id), greatest(l.id, r.id), told.score * (0.6 + 0.4 * {_LIKENESS})
    FROM unnest(%(wrong)s::text[], %(right)s::text[], %(scores)s::float[])
        AS told (wrong, domain, score)
    JOIN crm_customer l ON l.email <> '' AND split_part(l.email, '@', 2) = told.wrong
    JOIN crm_customer r ON r.email = split_part(l.email, '@', 1) || '@' || told.domain
    ORDER BY 3 DESC LIMIT %(limit)s
"""  # noqa: S608 - made of the constants above

_ONE_NAME_ONE_DOMAIN = """
    WITH person AS MATERIALIZED (
        SELECT id, split_part(email, '@', 1) AS local, split_part(email, '@', 2) AS domain,
            lower(first_name) AS first, lower(last_name) AS last
        FROM crm_customer WHERE email <> '' AND first_name <> '' AND last_name <> ''
    ), small AS (
        SELECT domain, first, last FROM person
        GROUP BY 1, 2, 3 HAVING count(*) BETWEEN 2 AND %(shared)s
    )
    SELECT l.id, r.id, l.local, r.local FROM small
    JOIN person l USING (domain, first, last) JOIN person r USING (domain, first, last)
    WHERE l.id < r.id AND abs(length(l.local) - length(r.local)) <= 1
      AND least(length(l.local), length(r.local)) >= %(length)s
    LIMIT %(limit)s
"""


@transaction.atomic
def find(*, now: datetime) -> int:
    """Look through all customers for pairs who may be one person; gives how many are new."""
    same_email = _SAME.format(column="email", least=0.9, likeness=_LIKENESS)
    same_phone = _SAME.format(column="phone", least=0.5, likeness=_LIKENESS)
    slips = list(_slipped_pairs())
    ones, others, scores = ([pair[place] for pair in slips] for place in range(3))
    return (
        _keep(CandidateReason.SAME_EMAIL, same_email, now)
        + _keep(CandidateReason.SAME_PHONE, same_phone, now)
        + _keep(CandidateReason.TYPO_EMAIL, _SAME_LOCAL_PART, now, **_domains())
        + _keep(
            CandidateReason.TYPO_EMAIL,
            "SELECT * FROM unnest(%(ones)s::bigint[], %(others)s::bigint[], %(near)s::float[])",
            now,
            ones=ones,
            others=others,
            near=scores,
        )
        + _keep(CandidateReason.SIMILAR_NAME, _SIMILAR_NAME, now)
    )


def dismiss(*, candidate_id: int, by: AbstractBaseUser | None, now: datetime) -> bool:
    """Staff say that these are two people; the pair is not listed again."""
    decided = DuplicateCandidate.objects.filter(pk=candidate_id, state=CandidateState.OPEN).update(
        state=CandidateState.DISMISSED, decided_at=now, decided_by_id=by.pk if by else None
    )
    return bool(decided)


def _keep(reason: CandidateReason, pairs: str, now: datetime, **more: Any) -> int:
    params = {
        "reason": reason.value,
        "now": now,
        "nameless": sorted(NAMELESS),
        "shared": _SHARED_AT_MOST,
        "block": _BLOCK_AT_MOST,
        "limit": _PAIRS_AT_MOST,
    }
    return sum(is_new for (is_new,) in _run(_KEEP.format(pairs=pairs), params | more))


def _domains() -> dict[str, list[Any]]:
    """Domains that are written wrong with the right ones, and those of one provider."""
    found = _run(
        "SELECT DISTINCT split_part(email, '@', 2) FROM crm_customer WHERE email <> ''", {}
    )
    domains = sorted(domain for (domain,) in found)
    pairs = [(domain, typos.right_domain(domain=domain), 1.0) for domain in domains]
    pairs += [(one, other, 0.8) for one, other in typos.siblings(domains=domains)]
    wrong, right, scores = ([pair[place] for pair in pairs if pair[1]] for place in range(3))
    return {"wrong": wrong, "right": right, "scores": scores}


def _slipped_pairs() -> Iterator[tuple[int, int, float]]:
    """People of one name at one domain whose addresses are one slip apart."""
    params = {"shared": _SHARED_AT_MOST, "length": _LOCAL_LENGTH, "limit": 10 * _PAIRS_AT_MOST}
    for one, other, local, local_of_other in _run(_ONE_NAME_ONE_DOMAIN, params):
        # Ada1 and Ada2 are more often two of a family than a slip.
        is_slip = local.translate(_NO_DIGITS) != local_of_other.translate(_NO_DIGITS)
        if is_slip and typos.distance(one=local, other=local_of_other) == 1:
            yield one, other, 0.85


def _run(statement: str, params: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
