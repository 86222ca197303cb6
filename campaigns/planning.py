"""The plan: an audience becomes deliveries, in one statement however many they are."""

from datetime import datetime
from typing import Any

from django.db import connection

from campaigns import eligibility
from campaigns.models import Campaign, Step
from crm import planner

# In the order of the customers, so that every index grows at one end of it. Nobody else plans
# this step, as its campaign is locked; were somebody in it twice, the constraint would say so and
# nothing of the plan would be kept.
_PLAN = """
INSERT INTO campaigns_delivery (campaign_id, step_id, customer_id, state, reason, detail,
                                tries, strikes, planned_at, decided_at)
SELECT %(campaign)s, %(step)s, audience.customer_id, {verdict}
  FROM ({audience}) AS audience {draw}
 ORDER BY audience.customer_id
"""
_PLANNED = "'planned', '', '', 0, 0, %(now)s, NULL"
_DRAWN = """
       CASE WHEN held_out THEN 'skipped' ELSE 'planned' END,
       CASE WHEN held_out THEN 'holdout' ELSE '' END,
       '', 0, 0, %(now)s, CASE WHEN held_out THEN %(now)s::timestamptz END
"""
_DRAW = """
  JOIN crm_customer customer ON customer.id = audience.customer_id,
       LATERAL (SELECT customer.bucket = ANY(%(held_out)s)) AS draw (held_out)
"""
# The same people as campaigns.audiences; a member is a customer, so nobody else is asked.
_ONE = "SELECT member.customer_id FROM marketing_membership member WHERE segment_id = %(one)s"
_SOME = """
SELECT DISTINCT member.customer_id FROM marketing_membership member
 WHERE segment_id = ANY(%(some)s::bigint[])
"""
# A set operation rather than a join: it stays quick where memberships are thought to be none.
_BUT_NOT = """
EXCEPT
SELECT customer_id FROM marketing_membership WHERE segment_id = ANY(%(but_not)s::bigint[])
"""


def plan(*, campaign: Campaign, step: Step, now: datetime) -> int:
    """Make every delivery of a step and give how many; who is held out is skipped at once.

    The caller holds the lock of the campaign and has refreshed its segments.
    """
    parameters: dict[str, Any] = {"campaign": campaign.pk, "step": step.pk, "now": now}
    audience = _audience(campaign, parameters)
    verdict, draw = _PLANNED, ""
    if campaign.holdout_percent:
        verdict, draw = _DRAWN, _DRAW
        parameters["held_out"] = list(
            eligibility.held_out_buckets(campaign_id=campaign.pk, percent=campaign.holdout_percent)
        )
    planner.recount()
    with connection.cursor() as cursor:
        statement = _PLAN.format(verdict=verdict, audience=audience, draw=draw)
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _audience(campaign: Campaign, parameters: dict[str, Any]) -> str:
    """Who is in one of the campaign's segments and in none of those it excludes."""
    wanted = list(campaign.segments.values_list("pk", flat=True))
    unwanted = list(campaign.excluded_segments.values_list("pk", flat=True))
    parameters.update(one=wanted[0] if wanted else None, some=wanted, but_not=unwanted)
    # In one segment everybody is once already.
    return (_ONE if len(wanted) == 1 else _SOME) + (_BUT_NOT if unwanted else "")
