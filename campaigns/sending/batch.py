"""One batch of a campaign, from claim to hand-over."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from django.db import connection

from campaigns import eligibility
from campaigns.choices import CampaignState, DeliveryState, Reason
from campaigns.eligibility import Verdict
from campaigns.models import Step
from campaigns.sending import claims as claiming
from campaigns.sending.claims import Claim
from crm import messages, templates, variables
from crm.choices import Author, FailureReason
from crm.messages import Draft
from crm.rendering import RenderError

BATCH_SIZE = 500

_DECIDE = """
UPDATE campaigns_delivery delivery
   SET state = decided.state, reason = decided.reason, detail = decided.detail,
       message_id = decided.message_id, decided_at = %s, owner = '', lease_until_at = NULL
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])
       AS decided (id, state, reason, detail, message_id)
 WHERE delivery.id = decided.id
"""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one batch; `is_unreachable` says to leave the provider alone for a while."""

    claimed: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    is_unreachable: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        return self.claimed == 0


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is written on a delivery."""

    delivery_id: int
    state: DeliveryState
    reason: str = ""
    detail: str = ""
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A claim with what is to be said, or why nothing can be."""

    claim: Claim
    draft: Draft | None = None
    reason: str = ""
    detail: str = ""


def send_batch(
    *, campaign_id: int, owner: str, now: datetime, size: int = BATCH_SIZE
) -> BatchResult:
    """Claim, decide, render, write down and hand over up to `size` deliveries of a campaign.

    Locks the campaign's row for sharing, then the deliveries, in two short transactions: to
    claim, and to write what will be handed over.
    """
    claims = claiming.claim(campaign_id=campaign_id, owner=owner, now=now, size=size)
    if not claims:
        return BatchResult()
    steps = Step.objects.select_related("campaign", "template_version").in_bulk(
        {claim.step_id for claim in claims}
    )
    outcomes: Counter[str] = Counter()
    is_unreachable = False
    for step_id, group in groupby(sorted(claims, key=attrgetter("step_id")), attrgetter("step_id")):
        drafts = _write(steps[step_id], _prepare(steps[step_id], list(group), now), owner, now)
        sent = messages.send_many(drafts=drafts, now=now)
        outcomes.update(outcome.state for outcome in sent.outcomes)
        is_unreachable |= any(
            outcome.reason == FailureReason.UNREACHABLE for outcome in sent.outcomes
        )
    return BatchResult(len(claims), dict(outcomes), is_unreachable)


def _prepare(step: Step, claims: Sequence[Claim], now: datetime) -> list[_Prepared]:
    """Ask the gate, then render for those it lets through; nothing is locked meanwhile."""
    verdicts = _judge(step, claims, now)
    allowed = [claim for claim in claims if verdicts[claim.customer_id].reason is None]
    refused = [
        _Prepared(claim, reason=reason)
        for claim in claims
        if (reason := verdicts[claim.customer_id].reason)
    ]
    return refused + _render(step, allowed, now)


def _render(step: Step, claims: Sequence[Claim], now: datetime) -> list[_Prepared]:
    """Render for each; who cannot be rendered for fails alone, the others go on."""
    version = step.template_version
    assert version is not None, f"Step {step.pk} was launched without a template version."
    people = variables.gather_many(customer_ids=[claim.customer_id for claim in claims], now=now)
    message_ids = messages.reserve_ids(count=len(claims))
    rendered = templates.compiled(version=version).render_many(
        (people[claim.customer_id], messages.links(message_id=message_id))
        for claim, message_id in zip(claims, message_ids, strict=True)
    )
    prepared = []
    for claim, message_id, result in zip(claims, message_ids, rendered, strict=True):
        if isinstance(result, RenderError):
            detail = str(result)[:500]
            prepared.append(_Prepared(claim, reason=Reason.RENDER_ERROR, detail=detail))
            continue
        draft = Draft(
            message_id=message_id,
            customer_id=claim.customer_id,
            channel=step.channel,
            purpose=step.campaign.purpose,
            author=Author.CAMPAIGN,
            address="",
            key=claim.key,
            subject=result.subject,
            html=result.html,
            text=result.text,
            source_kind="delivery",
            source_id=claim.delivery_id,
            template_version_id=version.pk,
            variables=people[claim.customer_id],
        )
        prepared.append(_Prepared(claim, draft))
    return prepared


def _write(step: Step, prepared: Sequence[_Prepared], owner: str, now: datetime) -> list[Draft]:
    """Write what will be handed over as `sending`, all asked once more under the locks.

    Locks the campaign for sharing, so that a pause or cancel comes wholly before or wholly after,
    then the deliveries that are still ours. Returns what the caller must now hand over.
    """
    with messages.writing_as(owner=owner):
        return _write_down(step, prepared, owner, now)


def _write_down(
    step: Step, prepared: Sequence[_Prepared], owner: str, now: datetime
) -> list[Draft]:
    is_running = _is_running(step.campaign_id)
    mine = claiming.lock_mine(claims=[each.claim for each in prepared], owner=owner)
    if not is_running:
        claiming.give_back(delivery_ids=mine)
        return []
    held = [each for each in prepared if each.claim.delivery_id in mine]
    asked = [each.claim for each in held if each.draft]
    verdicts = _judge(step, asked, now)
    drafts = [
        replace(each.draft, address=verdicts[each.claim.customer_id].address)
        for each in held
        if each.draft and verdicts[each.claim.customer_id].reason is None
    ]
    messages.write_many(drafts=drafts, owner=owner, now=now)
    _record([_decision(each, verdicts) for each in held], now)
    return drafts


def _judge(step: Step, claims: Collection[Claim], now: datetime) -> dict[int, Verdict]:
    """A verdict for every claim; who was erased meanwhile has no address any more."""
    customer_ids = [claim.customer_id for claim in claims]
    verdicts = eligibility.decide_many(step=step, customer_ids=customer_ids, now=now)
    gone = Verdict("", Reason.NO_ADDRESS)
    return {customer_id: verdicts.get(customer_id, gone) for customer_id in customer_ids}


def _decision(prepared: _Prepared, verdicts: Mapping[int, Verdict]) -> _Decision:
    delivery_id, draft = prepared.claim.delivery_id, prepared.draft
    if prepared.reason == Reason.RENDER_ERROR:
        return _Decision(delivery_id, DeliveryState.FAILED, prepared.reason, prepared.detail)
    if draft is None:
        return _Decision(delivery_id, DeliveryState.SKIPPED, prepared.reason)
    refused = verdicts[prepared.claim.customer_id].reason
    if refused:
        return _Decision(delivery_id, DeliveryState.SKIPPED, refused)
    return _Decision(delivery_id, DeliveryState.HANDED_OVER, message_id=draft.message_id)


def _is_running(campaign_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state FROM campaigns_campaign WHERE id = %s FOR SHARE", [campaign_id]
        )
        return bool(cursor.fetchone() == (CampaignState.RUNNING,))


def _record(decisions: Iterable[_Decision], now: datetime) -> None:
    columns = list(
        zip(
            *((d.delivery_id, d.state, d.reason, d.detail, d.message_id) for d in decisions),
            strict=True,
        )
    )
    if not columns:
        return
    with connection.cursor() as cursor:
        cursor.execute(_DECIDE, [now, *map(list, columns)])
