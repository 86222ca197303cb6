"""After a crash: what dead workers were handing over, told by their journals and leases.

Two recoveries at once do no harm: a journal is held by its lock while it is read, and a message
is settled only while it is `sending` under the very owner that died.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction

from crm.channels.journal import Recovered, left_behind, recovering
from crm.choices import FailureReason, MessageState
from crm.messages import journals
from crm.messages.drafts import Settlement
from crm.messages.settling import PLANNED_ABOVE, settle_many
from crm.models import Message

_LIMIT = 5_000
# A living owner is given this much longer before its message counts as lost.
_PATIENCE = timedelta(hours=1)


class _StillWriting(Exception):  # noqa: N818 - it names what happens
    """The owner is dead, and its last transaction is not over yet."""


def recover(*, now: datetime) -> int:
    """Settle what dead workers left in `sending`, and give how many messages that were.

    One journal that cannot be settled holds up no other; its error goes on in the end.
    """
    count, errors = 0, []
    for path in left_behind(journals.folder()):
        try:
            with recovering(path) as left:
                count += _settle_journal(left, now) if left else 0
        except _StillWriting:
            continue
        except Exception as error:
            errors.append(error)
    count += _settle_expired(now)
    if errors:
        raise ExceptionGroup(f"{len(errors)} journals could not be settled.", errors)
    return count


@transaction.atomic
def _settle_journal(left: Recovered, now: datetime) -> int:
    """Settle what one dead worker held by what its journal says; locks the messages.

    Whatever the journal does not name was written down but never begun.
    """
    if not journals.has_ended(owner=left.owner):
        raise _StillWriting
    held = _held(left.owner)
    doubt = (MessageState.IN_DOUBT, FailureReason.WORKER_LOST)
    told = {
        **dict.fromkeys(left.doubtful if left.is_trusted else held, doubt),
        **dict.fromkeys(left.confirmed, (MessageState.SENT, "")),
        **dict.fromkeys(left.refused, (MessageState.FAILED, FailureReason.REJECTED)),
    }
    doubted = set(left.confirmed) - set(held)
    outcomes = [
        *_untouched({id_: source for id_, source in held.items() if id_ not in told}),
        *(Settlement(id_, *told[id_]) for id_ in held if id_ in told),
        # Put in doubt while the owner was still: its note knows better.
        *(Settlement(id_, MessageState.SENT) for id_ in _in_doubt(doubted)),
    ]
    return len(settle_many(outcomes=outcomes, now=now))


def _held(owner: str) -> dict[int, str]:
    """The sources of the messages that this owner still holds, locked."""
    rows = Message.objects.filter(owner=owner, state=MessageState.SENDING)
    locked = rows.order_by("pk").select_for_update(no_key=True)
    return dict(locked.values_list("pk", "source_kind"))


def _in_doubt(ids: Collection[int]) -> list[int]:
    doubtful = Message.objects.filter(pk__in=ids, state=MessageState.IN_DOUBT)
    return list(doubtful.order_by("pk").values_list("pk", flat=True)) if ids else []


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


def lost_owners(*, owners: Collection[str]) -> set[str]:
    """Those of these owners that died on this machine and whose journals are settled."""
    return {owner for owner in owners if _is_ours(owner) and not _has_journal(owner)}


def _is_at_work(owner: str) -> bool:
    """Whether the owner's journal lies here still: it lives, or the journals will tell."""
    return _is_ours(owner) and _has_journal(owner)


def _is_ours(owner: str) -> bool:
    return owner.startswith(f"{journals.host()}:")


def _has_journal(owner: str) -> bool:
    return (journals.folder() / f"{owner}.journal").exists()
