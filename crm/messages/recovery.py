"""After a crash: what dead workers were handing over, told by their journals and leases.

Two recoveries at once do no harm: a journal is held by its lock while it is read, and a message
is settled only while it is `sending` under the very owner that died.
"""

import socket
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction

from crm.channels.journal import Recovered, recovering
from crm.choices import FailureReason, MessageState
from crm.messages import journals
from crm.messages.drafts import Settlement
from crm.messages.settling import PLANNED_ABOVE, settle_many
from crm.models import Message

_LIMIT = 5_000
# A living owner is given this much longer before its message counts as lost.
_PATIENCE = timedelta(hours=1)


def recover(*, now: datetime) -> int:
    """Settle what dead workers left in `sending`, and give how many messages that were."""
    count = 0
    with recovering(journals.folder()) as found:
        for left in found:
            count += _settle_journal(left, now)
    return count + _settle_expired(now)


@transaction.atomic
def _settle_journal(left: Recovered, now: datetime) -> int:
    """Settle one dead worker's batch by what its journal says; locks the messages."""
    ids = (*left.untouched, *left.doubtful, *left.confirmed, *left.refused)
    held = _held(left.owner, ids)
    outcomes = [
        *_untouched({id_: held[id_] for id_ in left.untouched if id_ in held}),
        *(
            Settlement(id_, MessageState.IN_DOUBT, FailureReason.WORKER_LOST)
            for id_ in left.doubtful
            if id_ in held
        ),
        *(Settlement(id_, MessageState.SENT) for id_ in left.confirmed if id_ in held),
        *(
            Settlement(id_, MessageState.FAILED, FailureReason.REJECTED)
            for id_ in left.refused
            if id_ in held
        ),
    ]
    return len(settle_many(outcomes=outcomes, now=now))


def _held(owner: str, ids: Collection[int]) -> dict[int, str]:
    """The sources of those messages that this owner still holds, locked."""
    rows = Message.objects.filter(pk__in=ids, owner=owner, state=MessageState.SENDING)
    locked = rows.order_by("pk").select_for_update(no_key=True)
    return dict(locked.values_list("pk", "source_kind"))


def _untouched(sources: dict[int, str]) -> Iterator[Settlement]:
    """What was never begun: planned anew by whoever planned it, or simply queued again."""
    for message_id, source_kind in sources.items():
        if source_kind in PLANNED_ABOVE:
            yield Settlement(message_id, MessageState.FAILED, FailureReason.NEVER_HANDED_OVER)
        else:
            yield Settlement(message_id, MessageState.QUEUED, retry_after=0.0)


@transaction.atomic
def _settle_expired(now: datetime) -> int:
    """Put in doubt what nobody can tell of: the lease is over and the owner left no journal."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, owner, lease_until_at FROM crm_message "
            "WHERE state = 'sending' AND lease_until_at < %s "
            "ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
            [now, _LIMIT],
        )
        rows = cursor.fetchall()
    at_work = {owner for owner in {row[1] for row in rows} if _is_at_work(owner)}
    outcomes = [
        Settlement(message_id, MessageState.IN_DOUBT, FailureReason.WORKER_LOST)
        for message_id, owner, lease_until_at in rows
        if owner not in at_work or lease_until_at + _PATIENCE < now
    ]
    return len(settle_many(outcomes=outcomes, now=now))


def _is_at_work(owner: str) -> bool:
    """Whether the owner's journal lies here still: it lives, or the journals will tell."""
    here = socket.gethostname()[:60].replace("/", "-")
    return owner.startswith(f"{here}:") and (journals.folder() / f"{owner}.journal").exists()
