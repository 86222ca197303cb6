"""After a crash: what dead workers were handing over, told by their journals and leases.

Two recoveries at once do no harm: a journal is held by its lock while it is read, and a message
is settled only while it is `sending` under the very owner that died.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from crm.channels.journal import Recovered, left_behind, recovering
from crm.choices import FailureReason, MessageState
from crm.messages import held, journals
from crm.messages.drafts import Settlement
from crm.messages.settling import PLANNED_ABOVE, settle_many
from crm.models import HandOver, Message

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
    rows = list(HandOver.objects.filter(owner=left.owner))
    kept = _held(left.owner, rows)
    doubt = (MessageState.IN_DOUBT, FailureReason.WORKER_LOST)
    told = {
        **dict.fromkeys(left.doubtful if left.is_trusted else kept, doubt),
        **dict.fromkeys(left.confirmed, (MessageState.SENT, "")),
        **dict.fromkeys(left.refused, (MessageState.FAILED, FailureReason.REJECTED)),
    }
    doubted = set(left.confirmed) - set(kept)
    outcomes = [
        *_untouched({id_: source for id_, source in kept.items() if id_ not in told}),
        *(Settlement(id_, *told[id_]) for id_ in kept if id_ in told),
        # Put in doubt while the owner was still: its note knows better.
        *(Settlement(id_, MessageState.SENT) for id_ in _in_doubt(doubted)),
    ]
    count = len(settle_many(outcomes=outcomes, now=now))
    _release(rows)
    return count


def _held(owner: str, rows: Iterable[HandOver]) -> dict[int, str]:
    """The sources of the messages that this owner still holds by these rows, locked."""
    ids = [message_id for row in rows for message_id in row.message_ids]
    locked = held.sending(owner=owner, message_ids=ids).select_for_update(no_key=True)
    return dict(locked.values_list("pk", "source_kind"))


def _release(rows: Iterable[HandOver]) -> None:
    HandOver.objects.filter(pk__in=[row.pk for row in rows]).delete()


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


def _settle_expired(now: datetime) -> int:
    """Put in doubt what nobody can tell of: the lease is over and the owner left no journal."""
    over = HandOver.objects.filter(lease_until_at__lt=now).order_by("pk")
    patient = Q(lease_until_at__gte=now - _PATIENCE)
    at_work = [one for one in over.values_list("owner", flat=True).distinct() if _is_at_work(one)]
    return sum(_give_up(row, now) for row in over.exclude(patient, owner__in=at_work))


@transaction.atomic
def _give_up(row: HandOver, now: datetime) -> int:
    """Put in doubt what is held by one row; what its owner is just settling is left to it."""
    doubt = (MessageState.IN_DOUBT, FailureReason.WORKER_LOST)
    named = held.sending(owner=row.owner, message_ids=row.message_ids)
    free = named.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
    count = len(settle_many(outcomes=[Settlement(pk, *doubt) for pk in free], now=now))
    if not named.exists():
        _release([row])
    return count


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
