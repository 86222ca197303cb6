"""The books of a campaign held against what the mail server counted."""

import time
from collections import Counter
from dataclasses import dataclass

from django.db import connection

from campaigns import reports
from campaigns.models import Delivery

_LEFT = """
SELECT (SELECT count(*) FROM crm_message
         WHERE state = 'sending' AND split_part(owner, ':', 2) = ANY(%(pids)s)
           AND id IN (SELECT unnest(message_ids) FROM crm_handover))
     + (SELECT count(*) FROM campaigns_claim WHERE split_part(owner, ':', 2) = ANY(%(pids)s))
"""
_OPEN = """
SELECT count(*) FROM campaigns_delivery delivery
  LEFT JOIN crm_message message ON message.id = delivery.message_id
 WHERE delivery.campaign_id = %s
   AND (delivery.state = 'planned' OR message.state IN ('sending', 'queued')
        OR delivery.state = 'handed_over' AND message.state = 'failed')
"""
_SENT = frozenset({"sent", "delivered"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a campaign, by its books and by the server's count."""

    planned: int
    taken: int
    lost: int
    doubled: int
    in_doubt: int
    failed: int
    waiting: int
    is_even: bool


def left_by(*pids: int) -> int:
    """How many messages and claims these dead workers still hold."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"pids": [str(pid) for pid in pids]})
        return int(cursor.fetchone()[0])


def seconds_until_settled(*pids: int, patience: float) -> float:
    """How long it takes until nothing is left of what these workers held."""
    started = time.monotonic()
    while left_by(*pids) and time.monotonic() - started < patience:
        time.sleep(0.05)
    return time.monotonic() - started


def wait_until_done(campaign_id: int, *, patience: float) -> bool:
    """Wait until every delivery has its verdict; whether that was in time."""
    deadline = time.monotonic() + patience
    while _open(campaign_id):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def in_doubt(campaign_id: int) -> int:
    """How many mails of a campaign may or may not have arrived."""
    return Delivery.objects.filter(campaign=campaign_id, message__state="in_doubt").count()


def judge(campaign_id: int, taken: Counter[int]) -> Verdict:
    """Hold the books against the count.

    Lost is who should have got the mail, did not, and of whom the books say neither that it failed
    nor that it is in doubt.
    """
    rows = list(
        Delivery.objects.filter(campaign=campaign_id).values_list("pk", "state", "message__state")
    )
    books = reports.balance(campaign_id=campaign_id)
    return Verdict(
        planned=len(rows),
        taken=sum(taken[pk] for pk, _, _ in rows),
        lost=sum(not taken[pk] and said in _SENT for pk, _, said in rows),
        doubled=sum(max(taken[pk] - 1, 0) for pk, _, _ in rows),
        in_doubt=books.in_doubt,
        # Nothing is refused here: whoever has failed was given up, and is lost to the campaign.
        failed=sum(state in ("failed", "skipped", "cancelled") for _, state, _ in rows),
        waiting=_open(campaign_id),
        is_even=books.is_even and books.planned == len(rows),
    )


def _open(campaign_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [campaign_id])
        return int(cursor.fetchone()[0])
