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
from campaigns.sending.decided import Left
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

# By customer.
_People = Mapping[int, dict[str, Any]]
_Kept = Mapping[int, messages.Kept]


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


# A letter that may go, and where to.
_Going = tuple[_Letter, str]


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
        people, kept = _gather(step, claim.deliveries, now)
        letters = _render(step, claim.deliveries, people, now)
        drafts, late = _write(step, claim, letters, kept, owner, now)
        held += late
        stop = stops.watch(drafts=drafts, campaign_id=campaign_id, now=now)
        sent = messages.send_many(drafts=drafts, now=now, stop=stop)
        outcomes.update(outcome.state for outcome in sent.outcomes)
        is_unreachable |= any(
            outcome.reason == FailureReason.UNREACHABLE for outcome in sent.outcomes
        )
    claimed = sum(len(claim.deliveries) for claim in claims)
    return BatchResult(claimed, dict(outcomes), is_unreachable, held)


def _gather(step: Step, planned: Sequence[Planned], now: datetime) -> tuple[_People, _Kept]:
    """What the template reads about each of them, and what their messages will keep of it.

    Who was erased meanwhile is in neither.
    """
    customer_ids = [each.customer_id for each in planned]
    reads = _compiled(step).reads
    people = variables.gather_many(customer_ids=customer_ids, now=now, wanted=reads)
    # Outside of the transaction: what is shared is committed before the messages that name it.
    return people, messages.keep_many(many=people, paths=reads)


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
    kept: _Kept,
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
        account = holding.account(step=step, now=now)
        if not is_running or not is_ours or account is None:
            return [], 0
        eligibility.take_turn(campaign_id=step.campaign_id, purpose=step.campaign.purpose)
        asked = [each.customer_id for each in claim.deliveries]
        there = locks.hold_customers(customer_ids=asked)
        verdicts = eligibility.decide_many(step=step, customer_ids=there, now=now)
        going, left = _decide(letters, verdicts)
        wanted = {letter.planned.delivery_id: address for letter, address in going}
        until = holding.until(step=step, kept=account, wanted=wanted, now=now)
        if until:
            claiming.hold(until=until)
            going = [one for one in going if one[0].planned.delivery_id not in until]
        handed_over = {letter.planned.delivery_id: letter.message_id for letter, _address in going}
        written = decided.record(handed_over=handed_over, left=left, now=now)
        free = [one for one in going if one[0].message_id in written]
        drafts = _drafts(step, free, kept, account.name)
        messages.write_many(drafts=drafts, owner=owner, now=now)
        return drafts, len(until)


def _decide(
    letters: Sequence[_Letter], verdicts: Mapping[int, Verdict]
) -> tuple[list[_Going], list[Left]]:
    """The letters that may go, each with where to, and what is written on all other deliveries.

    Who was merged meanwhile has their delivery in the plan still, under another number.
    """
    going, left = [], []
    for letter in letters:
        verdict = verdicts.get(letter.planned.customer_id)
        if verdict is None:
            continue
        if verdict.reason is None and letter.said is not None:
            going.append((letter, verdict.address))
        else:
            left.append(_leave(letter, verdict))
    return going, left


def _leave(letter: _Letter, verdict: Verdict) -> Left:
    """Who may not be written to is skipped, whatever else; what cannot be rendered has failed."""
    delivery_id = letter.planned.delivery_id
    if verdict.reason is not None:
        return Left(delivery_id, DeliveryState.SKIPPED, verdict.reason)
    if not letter.detail:
        return Left(delivery_id, DeliveryState.SKIPPED, Reason.NO_ADDRESS)
    return Left(delivery_id, DeliveryState.FAILED, Reason.RENDER_ERROR, letter.detail)


def _drafts(step: Step, going: Sequence[_Going], kept: _Kept, provider: str) -> list[Draft]:
    """What is to be handed over; what all of a batch have alike is looked up once."""
    channel, purpose, author = step.channel, step.campaign.purpose, Author.CAMPAIGN
    version_id = step.template_version_id
    drafts = []
    for letter, address in going:
        said, planned, links = letter.said, letter.planned, letter.links
        assert said is not None
        assert links is not None
        read, html, text, mail = kept[planned.customer_id], "", "", None
        if isinstance(said, Encoded):
            mail = said
        else:
            html, text = said.html, said.text
            read = ways_out.keep(step=step, number=address, variables=read)
        # With more than fifteen names Python makes a dict for the call: it takes thrice as long.
        draft = Draft(
            letter.message_id,
            planned.customer_id,
            channel,
            purpose,
            address,
            planned.key,
            author=author,
            subject=said.subject,
            html=html,
            text=text,
            mail=mail,
            unsubscribe_url=links.unsubscribe_url,
            source_kind="delivery",
            source_id=planned.delivery_id,
            template_version_id=version_id,
            variables=read,
            provider=provider,
        )
        drafts.append(draft)
    return drafts


def _is_running(campaign_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state FROM campaigns_campaign WHERE id = %s FOR SHARE", [campaign_id]
        )
        return bool(cursor.fetchone() == (CampaignState.RUNNING,))
