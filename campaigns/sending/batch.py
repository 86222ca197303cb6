"""One batch of a campaign, from claim to hand-over."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from campaigns import eligibility, ways_out
from campaigns.choices import CampaignState, DeliveryState, Reason
from campaigns.eligibility import Verdict
from campaigns.models import Step
from campaigns.sending import claims as claiming
from campaigns.sending import decided, holding, stops
from campaigns.sending.claims import Claim, Planned
from campaigns.sending.decided import Decision
from crm import locks, messages, templates, tracking, variables
from crm.choices import Author, Channel, FailureReason
from crm.messages import Draft
from crm.models import TemplateVersion
from crm.rendering import (
    CompiledTemplate,
    Encoded,
    LinkContext,
    Rendered,
    RenderError,
    noticed,
)

# The statements of a batch cost the same however many it has.
BATCH_SIZE = 2_000

_People = Mapping[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one batch; `is_unreachable` says to leave the provider alone for a while."""

    claimed: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    is_unreachable: bool = False
    held: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        return self.claimed == 0


class _Letter(msgspec.Struct, frozen=True):
    """A delivery with what is to be said, or why nothing can be."""

    planned: Planned
    message_id: int = 0
    said: Encoded | Rendered | None = None
    links: LinkContext | None = None
    detail: str = ""


def send_batch(
    *, campaign_id: int, owner: str, now: datetime, size: int = BATCH_SIZE
) -> BatchResult:
    """Claim, render, decide, write down and hand over up to `size` deliveries of a campaign.

    Locks the campaign's row for sharing, then the deliveries, in two short transactions: to
    claim, and to decide and write what will be handed over.
    """
    claims = claiming.claim(campaign_id=campaign_id, owner=owner, now=now, size=size)
    if not claims:
        return BatchResult()
    steps = Step.objects.select_related("campaign", "template_version__template").in_bulk(
        {claim.step_id for claim in claims}
    )
    outcomes: Counter[str] = Counter()
    is_unreachable, held = False, 0
    for claim in claims:
        step = steps[claim.step_id]
        people = _gather(step, claim.deliveries, now)
        letters = _render(step, claim.deliveries, people, now)
        drafts, late = _write(step, claim, letters, people, owner, now)
        held += late
        stop = stops.watch(drafts=drafts, campaign_id=campaign_id, now=now)
        sent = messages.send_many(drafts=drafts, now=now, stop=stop)
        outcomes.update(outcome.state for outcome in sent.outcomes)
        is_unreachable |= any(
            outcome.reason == FailureReason.UNREACHABLE for outcome in sent.outcomes
        )
    claimed = sum(len(claim.deliveries) for claim in claims)
    return BatchResult(claimed, dict(outcomes), is_unreachable, held)


def _gather(step: Step, planned: Sequence[Planned], now: datetime) -> _People:
    """What the template reads about each of them; who was erased meanwhile is not in it."""
    customer_ids = [each.customer_id for each in planned]
    reads = _compiled(step).reads
    people = variables.gather_many(customer_ids=customer_ids, now=now, wanted=reads)
    # Committed before the messages that name it by number.
    messages.keep_shared(many=people.values(), paths=reads)
    return people


def _render(
    step: Step, planned: Sequence[Planned], people: _People, now: datetime
) -> list[_Letter]:
    """Render for each, nothing locked meanwhile; who cannot be rendered for fails alone."""
    compiled = _compiled(step)
    known = [each for each in planned if each.customer_id in people]
    message_ids = messages.reserve_ids(count=len(known))
    links = messages.links_many(message_ids=message_ids, reads=compiled.reads)
    _leave_untracked(step, known, links)
    items = zip((people[each.customer_id] for each in known), links, strict=True)
    # A mail is made as bytes at once; other channels want their text as it is.
    is_mail = step.channel == Channel.EMAIL
    rendered = compiled.encode_many(items) if is_mail else compiled.render_many(items)
    letters = [_Letter(each) for each in planned if each.customer_id not in people]
    with noticed() as slow:
        for each, key, context, said in zip(known, message_ids, links, rendered, strict=True):
            if isinstance(said, RenderError):
                letters.append(_Letter(each, detail=str(said)[:500]))
            else:
                letters.append(_Letter(each, key, said, context))
    if slow:
        templates.note_slow(version=_version(step), errors=slow, now=now)
    return letters


def _leave_untracked(step: Step, planned: Sequence[Planned], links: list[LinkContext]) -> None:
    """Whoever wants none of it gets no picture and plain links."""
    version = _version(step)
    ids = [each.customer_id for each in planned]
    modes = (version.template.tracking, step.campaign.tracking)
    plain = tracking.untracked(modes=modes, customer_ids=ids)
    if plain:
        for place, customer_id in enumerate(ids):
            if customer_id in plain:
                links[place] = messages.untracked(links=links[place])


def _compiled(step: Step) -> CompiledTemplate:
    return templates.compiled(version=_version(step))


def _version(step: Step) -> TemplateVersion:
    version = step.template_version
    assert version is not None, f"Step {step.pk} was launched without a template version."
    return version


def _write(
    step: Step,
    claim: Claim,
    letters: Sequence[_Letter],
    people: _People,
    owner: str,
    now: datetime,
) -> tuple[list[Draft], int]:
    """Decide under the locks, and write what will be handed over as `sending`.

    Locks the campaign for sharing, so that a pause or cancel comes wholly before or wholly after,
    then the claim, which ends here, then the turn of campaigns that count for the cap, then those
    who are written to, then the deliveries. Returns what the caller must now hand over, and how
    many wait in the plan for a limit.
    """
    with messages.writing_as(owner=owner):
        is_running = _is_running(step.campaign_id)
        is_ours = claiming.end(claim=claim)
        kept = holding.account(step=step, now=now)
        if not is_running or not is_ours or kept is None:
            return [], 0
        eligibility.take_turn(campaign_id=step.campaign_id, purpose=step.campaign.purpose)
        asked = [each.customer_id for each in claim.deliveries]
        there = locks.hold_customers(customer_ids=asked)
        verdicts = eligibility.decide_many(step=step, customer_ids=there, now=now)
        # Who was merged meanwhile has their delivery in the plan still, under another number.
        here = [each for each in letters if each.planned.customer_id in verdicts]
        until = holding.until(step=step, kept=kept, wanted=_wanted(here, verdicts), now=now)
        claiming.hold(until=until)
        free = [each for each in here if each.planned.delivery_id not in until]
        written = decided.record(decisions=[_decide(each, verdicts) for each in free], now=now)
        keep = messages.keeper(paths=_compiled(step).reads)
        drafts = [
            _draft(step, each, verdicts, keep(people[each.planned.customer_id]), kept.name)
            for each in free
            if each.message_id in written
        ]
        messages.write_many(drafts=drafts, owner=owner, now=now)
        return drafts, len(until)


def _decide(letter: _Letter, verdicts: Mapping[int, Verdict]) -> Decision:
    """Who may not be written to is skipped, whatever else; what cannot be rendered has failed."""
    delivery_id = letter.planned.delivery_id
    verdict = verdicts[letter.planned.customer_id]
    if verdict.reason is not None:
        return Decision(delivery_id, DeliveryState.SKIPPED, verdict.reason)
    if letter.said is None and not letter.detail:
        return Decision(delivery_id, DeliveryState.SKIPPED, Reason.NO_ADDRESS)
    if letter.said is None:
        return Decision(delivery_id, DeliveryState.FAILED, Reason.RENDER_ERROR, letter.detail)
    return Decision(delivery_id, DeliveryState.HANDED_OVER, message_id=letter.message_id)


def _wanted(letters: Sequence[_Letter], verdicts: Mapping[int, Verdict]) -> dict[int, str]:
    """Where each delivery that may go would go."""
    found = {}
    for letter in letters:
        verdict = verdicts[letter.planned.customer_id]
        if letter.said is not None and verdict.reason is None:
            found[letter.planned.delivery_id] = verdict.address
    return found


def _draft(
    step: Step,
    letter: _Letter,
    verdicts: Mapping[int, Verdict],
    read: messages.Kept,
    provider: str,
) -> Draft:
    said, customer_id = letter.said, letter.planned.customer_id
    assert said is not None
    assert letter.links is not None
    address = verdicts[customer_id].address
    return Draft(
        message_id=letter.message_id,
        customer_id=customer_id,
        channel=step.channel,
        purpose=step.campaign.purpose,
        author=Author.CAMPAIGN,
        address=address,
        key=letter.planned.key,
        subject=said.subject,
        html=said.html if isinstance(said, Rendered) else "",
        text=said.text if isinstance(said, Rendered) else "",
        mail=said if isinstance(said, Encoded) else None,
        unsubscribe_url=letter.links.unsubscribe_url,
        source_kind="delivery",
        source_id=letter.planned.delivery_id,
        template_version_id=step.template_version_id,
        variables=ways_out.keep(step=step, number=address, variables=read),
        provider=provider,
    )


def _is_running(campaign_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state FROM campaigns_campaign WHERE id = %s FOR SHARE", [campaign_id]
        )
        return bool(cursor.fetchone() == (CampaignState.RUNNING,))
