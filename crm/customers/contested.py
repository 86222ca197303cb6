"""E-mail addresses that come with one customer and lead to another: staff shall decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from crm.choices import CandidateReason, CandidateState

# Somebody who uses another's address is very likely the same person.
_SCORE = 0.9

_NOTE = """
    INSERT INTO crm_duplicatecandidate
        (left_id, right_id, reason, score, state, evidence, found_at)
    SELECT DISTINCT ON (1, 2) least(one, other), greatest(one, other), %s, %s::float, %s,
        jsonb_build_object('email', email, 'brought_by', one), %s::timestamptz
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS told (one, other, email)
    ON CONFLICT (left_id, right_id) DO UPDATE SET evidence = excluded.evidence
    WHERE crm_duplicatecandidate.evidence <> excluded.evidence
"""


def note(*, pairs: Sequence[tuple[int, int, str]], now: datetime) -> None:
    """Keep an address that a customer brought and that is another's, for staff to see.

    The customer's own address stays as it was: two people are never both written to at one
    address. A pair that staff called two people stays decided.
    """
    if not pairs:
        return
    columns: list[Any] = [list(column) for column in zip(*pairs, strict=True)]
    words: list[Any] = [CandidateReason.SAME_EMAIL.value, _SCORE, CandidateState.OPEN.value, now]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [*words, *columns])
