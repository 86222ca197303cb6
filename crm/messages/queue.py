"""Queued messages: answers of staff and bot, and other things said to one person."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q

from crm import accounts, consent, events, pacing
from crm.choices import Channel, Direction, FailureReason, Lane, MessageState, Purpose, Refusal
from crm.messages import held
from crm.messages.drafts import Draft, Settlement, body_hash, reserve_ids
from crm.messages.journals import writing_as
from crm.messages.keeping import freeze
from crm.messages.sending import send_many
from crm.messages.settling import SURELY_NOT_SENT, settle_many
from crm.messages.showing import show
from crm.messages.stopping import Watch
from crm.models import KeptVariables, Message
from crm.rendering import RenderError

_BATCH = 200
# Looked at again after so long while no account may be used.
_NOBODY = timedelta(seconds=5)
# What was granted, and to which messages.
_Taken = list[tuple[pacing.Grant, frozenset[int]]]

_CLAIM = """
    UPDATE crm_message SET
        state = 'sending', owner = %s, attempts = attempts + 1, due_at = NULL,
        address = claimed.address, subject = claimed.subject,
        body_hash = claimed.body_hash, provider = claimed.provider
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
         AS claimed (id, address, subject, body_hash, provider)
    WHERE crm_message.id = claimed.id
"""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Something to say to one customer: a text, or a template version with its variables."""

    customer_id: int
    channel: str
    author: str
    text: str = ""
    subject: str = ""
    purpose: str = Purpose.CONVERSATION
    conversation_id: int | None = None
    staff_id: int | None = None
    template_version_id: int | None = None
    variables: Mapping[str, Any] | None = None


@transaction.atomic
def say(*, message: NewMessage, now: datetime) -> Message:
    """Queue a message to one customer; a worker asks the gate and sends it.

    Locks the customer against being merged or erased; raises CustomerGone where that has happened.
    """
    events.hold(customer_ids=[message.customer_id])
    (message_id,) = reserve_ids(count=1)
    said = Message.objects.create(
        pk=message_id,
        customer_id=message.customer_id,
        conversation_id=message.conversation_id,
        direction=Direction.OUT,
        channel=message.channel,
        purpose=message.purpose,
        author=message.author,
        staff_id=message.staff_id,
        subject=message.subject[:998],
        text=message.text,
        template_version_id=message.template_version_id,
        key=f"message-{message_id}",
        provider=_first(message.channel, message.purpose),
        state=MessageState.QUEUED,
        created_at=now,
    )
    if message.variables is not None:
        KeptVariables.objects.create(message=said, variables=_kept(message.variables))
    return said


def send_queued(*, owner: str, now: datetime) -> int:
    """Claim queued messages that are due, ask the gate, send them; gives how many it took.

    Locks what it claims and skips what another worker holds.
    """
    with writing_as(owner=owner):
        claimed, taken = _granted(_lock_due(now), now)
        drafts, refused = _prepare(claimed, now)
        _mark_sending(drafts, owner, now)
        _mark_refused(refused, owner, now)
    for grant, count in _unused(taken, drafts):
        pacing.give_back(grant=grant, unused=count)
    sent = send_many(drafts=drafts, now=now, stop=Watch(drafts, now=now))
    failed = {one.message_id for one in sent.outcomes if one.state == MessageState.FAILED}
    for grant, ids in taken:
        pacing.give_back(grant=grant, failed=len(failed & ids))
    return len(claimed)


def is_waiting(*, now: datetime) -> bool:
    """Whether a message is due."""
    due = Q(due_at=None) | Q(due_at__lte=now)
    return Message.objects.filter(due, watched_state=MessageState.QUEUED).exists()


def _first(channel: str, purpose: str) -> str:
    """The account that will carry it as it looks now; whoever claims it decides."""
    order = accounts.in_order(channel=channel, purpose=purpose)
    return order[0].name if order else ""


def _granted(messages: Sequence[Message], now: datetime) -> tuple[list[Message], _Taken]:
    """Those that may leave now, each with its account; the others wait, their try not counted."""
    granted: list[Message] = []
    taken: _Taken = []
    for (channel, purpose, name), group in groupby(sorted(messages, key=_kind), _kind):
        asked = list(group)
        kept = accounts.named(name=name) if name else None
        kept = kept or accounts.usable(channel=channel, purpose=purpose, now=now)
        if kept is None or not kept.is_usable(now=now):
            _hold(asked, now + _NOBODY)
            continue
        grant = pacing.grant(kept=kept, wanted=len(asked), lane=Lane.of(purpose), now=now)
        for message in asked[: grant.count]:
            message.provider = kept.name
        granted += asked[: grant.count]
        taken.append((grant, frozenset(message.pk for message in asked[: grant.count])))
        _hold(asked[grant.count :], now + timedelta(seconds=max(grant.wait_seconds, 0.05)))
    return granted, taken


def _kind(message: Message) -> tuple[str, str, str]:
    """What goes by one account: one that may have gone by its own stays with it, come what may."""
    is_free = message.attempts == 0 or message.reason in SURELY_NOT_SENT
    return message.channel, message.purpose, "" if is_free else message.provider


def _hold(messages: Sequence[Message], due_at: datetime) -> None:
    if messages:
        ids = [message.pk for message in messages]
        Message.objects.filter(pk__in=ids).update(due_at=due_at)


def _unused(taken: _Taken, drafts: Sequence[Draft]) -> Iterator[tuple[pacing.Grant, int]]:
    """What the gate or a template kept back of what was granted."""
    used = {draft.message_id for draft in drafts}
    for grant, ids in taken:
        yield grant, grant.count - len(used & ids)


def _kept(variables: Mapping[str, Any] | None) -> Any:
    return None if variables is None else json.loads(freeze(value=variables))


def _lock_due(now: datetime) -> list[Message]:
    is_due = Q(due_at=None) | Q(due_at__lte=now)
    due = Message.objects.filter(is_due, watched_state=MessageState.QUEUED)
    return list(
        due.order_by("pk")
        .select_for_update(skip_locked=True, no_key=True, of=("self",))
        .select_related("template_version__template", "kept")[:_BATCH]
    )


def _prepare(messages: Sequence[Message], now: datetime) -> tuple[list[Draft], list[Settlement]]:
    addresses, refused = _ask_the_gate(messages, now)
    threads = _threads(message for message in messages if message.pk in addresses)
    drafts = []
    for message in messages:
        if message.pk not in addresses:
            continue
        try:
            drafts.append(_draft(message, addresses[message.pk], threads.get(message.pk, ())))
        except RenderError as error:
            refused.append(_failed(message, FailureReason.RENDER_ERROR, str(error)))
    return drafts, refused


def _ask_the_gate(
    messages: Sequence[Message], now: datetime
) -> tuple[dict[int, str], list[Settlement]]:
    """The address for each message that may go, and what becomes of the others."""

    def kind(message: Message) -> tuple[str, str]:
        return message.channel, message.purpose

    addresses: dict[int, str] = {}
    refused = []
    for (channel, purpose), group in groupby(sorted(messages, key=kind), kind):
        asked = list(group)
        ids = [message.customer_id for message in asked]
        verdicts = consent.check_many(customer_ids=ids, channel=channel, purpose=purpose, now=now)
        for message in asked:
            verdict = verdicts[message.customer_id]
            if verdict.is_allowed:
                addresses[message.pk] = verdict.address
            else:
                refusal = verdict.refusal or Refusal.NO_ADDRESS
                refused.append(_failed(message, FailureReason.NOT_ALLOWED, refusal.value))
    return addresses, refused


def _failed(message: Message, reason: FailureReason, detail: str) -> Settlement:
    return Settlement(message.pk, MessageState.FAILED, reason, detail)


def _threads(messages: Iterable[Message]) -> dict[int, tuple[tuple[str, str], ...]]:
    """The headers by which a mail program shows an answer below what it answers."""
    mails = {
        message.pk: message.conversation_id
        for message in messages
        if message.channel == Channel.EMAIL and message.conversation_id
    }
    inbound = (
        Message.objects.filter(conversation_id__in=mails.values(), direction=Direction.IN)
        .exclude(provider_message_id="")
        .order_by("conversation_id", "-pk")
        .distinct("conversation_id")
    )
    their_ids = dict(inbound.values_list("conversation_id", "provider_message_id"))
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for message_id, conversation_id in mails.items():
        if conversation_id in their_ids:
            reference = f"<{their_ids[conversation_id].strip('<>')}>"
            found[message_id] = (("In-Reply-To", reference), ("References", reference))
    return found


def _draft(message: Message, address: str, headers: tuple[tuple[str, str], ...]) -> Draft:
    shown = show(message=message)
    return Draft(
        message_id=message.pk,
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=message.purpose,
        address=address,
        key=message.key,
        author=message.author,
        subject=shown.subject,
        html=shown.html,
        text=shown.text,
        headers=headers,
        template_version_id=message.template_version_id,
        conversation_id=message.conversation_id,
        provider=message.provider,
    )


def _mark_sending(drafts: Sequence[Draft], owner: str, now: datetime) -> None:
    hashes = [body_hash(subject=one.subject, html=one.html, text=one.text) for one in drafts]
    ids = [draft.message_id for draft in drafts]
    addresses = [draft.address for draft in drafts]
    subjects = [draft.subject[:998] for draft in drafts]
    providers = [draft.provider for draft in drafts]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [owner, ids, addresses, subjects, hashes, providers])
    held.hold(message_ids=ids, owner=owner, now=now)


def _mark_refused(refused: Sequence[Settlement], owner: str, now: datetime) -> None:
    ids = [settlement.message_id for settlement in refused]
    Message.objects.filter(pk__in=ids).update(
        state=MessageState.SENDING, owner=owner, attempts=F("attempts") + 1
    )
    settle_many(outcomes=refused, now=now)
