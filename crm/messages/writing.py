"""Messages written down as `sending`, in the transaction of whoever decided to send them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

from crm import accounts
from crm.channels.journal import CAPACITY
from crm.choices import Direction, MessageState
from crm.messages import journals
from crm.messages.drafts import Draft, body_hash
from crm.messages.keeping import freeze

# Longer than the slowest provider needs for a batch.
LEASE = timedelta(minutes=10)

_COLUMNS = (
    "id, customer_id, conversation_id, direction, channel, purpose, author, staff_id, "
    "source_kind, source_id, address, subject, text, template_version_id, variables, body_hash, "
    "key, provider, provider_message_id, state, reason, detail, owner, attempts, lease_until_at, "
    "created_at"
)


def write_many(*, drafts: Sequence[Draft], owner: str, now: datetime) -> None:
    """Write messages as `sending` under an owner and a lease; commit before handing them over."""
    if not drafts:
        return
    channels = {draft.channel for draft in drafts if not draft.provider}
    providers = {name: accounts.for_channel(channel=name).name for name in channels}
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY crm_message ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for draft in drafts:
            provider = draft.provider or providers[draft.channel]
            copy.write_row(_row(draft, provider, owner, now))
    if owner == journals.owner() and len(drafts) <= CAPACITY:
        # Before the commit, so that a worker killed right after it is known to have begun nothing.
        journals.current().begin([draft.message_id for draft in drafts])


def _row(draft: Draft, provider: str, owner: str, now: datetime) -> tuple[object, ...]:
    is_templated = draft.template_version_id is not None
    if draft.html and not is_templated:
        raise ValueError("HTML is kept as a template version; a draft with HTML needs one.")
    variables = freeze(value=draft.variables) if draft.variables is not None else None
    return (
        draft.message_id,
        draft.customer_id,
        draft.conversation_id,
        Direction.OUT.value,
        str(draft.channel),
        str(draft.purpose),
        str(draft.author),
        draft.staff_id,
        draft.source_kind,
        draft.source_id,
        draft.address,
        draft.subject[:998],
        "" if is_templated else draft.text,
        draft.template_version_id,
        variables,
        draft.body_hash or body_hash(subject=draft.subject, html=draft.html, text=draft.text),
        draft.key,
        provider,
        "",
        MessageState.SENDING.value,
        "",
        "",
        owner,
        1,
        now + LEASE,
        now,
    )
