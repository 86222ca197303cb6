"""Breakers: an account whose messages fail is left alone for a while, then tried with a few.

What counts is what providers answered over the last minute, in all processes together. Only what
is the account's own fault counts; an address that does not exist says nothing of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop
from redis import RedisError

from crm import accounts, notices
from crm.channels import base
from crm.channels.base import Account, Outcome
from crm.choices import BreakerReason, BreakerState
from crm.models import AccountStanding
from crm.pacing import buckets

WINDOW_SECONDS = 60
_SLOT = 10
LONGEST_REST = timedelta(hours=1)
_REASONS = {
    base.UNREACHABLE: BreakerReason.UNREACHABLE,
    base.UNAUTHORIZED: BreakerReason.UNAUTHORIZED,
    base.UNANSWERED: BreakerReason.ERRORS,
    base.DEFERRED: BreakerReason.ERRORS,
    base.SENDER_REFUSED: BreakerReason.ERRORS,
}
# Which of them say that nothing at all goes by this account just now.
_DEAD = frozenset({BreakerReason.UNREACHABLE, BreakerReason.UNAUTHORIZED})

_COUNT = """
local newest = tonumber(ARGV[1])
local key = KEYS[1] .. ':' .. newest
redis.call('HINCRBY', key, 'all', ARGV[2])
redis.call('HINCRBY', key, 'bad', ARGV[3])
redis.call('EXPIRE', key, 120)
local all, bad = 0, 0
for slot = newest - tonumber(ARGV[4]) + 1, newest do
  local kept = redis.call('HMGET', KEYS[1] .. ':' .. slot, 'all', 'bad')
  all, bad = all + (tonumber(kept[1]) or 0), bad + (tonumber(kept[2]) or 0)
end
return {all, bad}
"""

_local: dict[tuple[str, int], Counter[str]] = {}


def note(*, account: Account, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Take in how an account fared with a batch, and leave it alone if that is too bad."""
    told = list(outcomes)
    kept = accounts.named(name=account.name)
    if not told or kept is None:
        return
    _rest(account.name, told, now)
    bad = Counter(_REASONS[one.reason] for one in told if one.reason in _REASONS)
    if kept.breaker == BreakerState.HALF_OPEN:
        _end_trial(account.name, bad, told, now)
        return
    if kept.breaker == BreakerState.OPEN:
        return
    counted = _counted(_tally(kept), len(told), bad.total(), now)
    if not bad:
        return
    if _is_too_bad(*counted) or _is_dead(kept, bad, len(told)):
        reason = bad.most_common(1)[0][0]
        _open(account.name, reason, _words(told, counted), now)


def try_again(*, now: datetime) -> list[str]:
    """Put on trial every account that was left alone for long enough; gives their names."""
    due = AccountStanding.objects.filter(breaker=BreakerState.OPEN, opened_until_at__lte=now)
    names = list(due.values_list("name", flat=True))
    if names and due.update(breaker=BreakerState.HALF_OPEN):
        accounts.forget()
    return names


def _rest(name: str, told: Iterable[Outcome], now: datetime) -> None:
    """Obey the longest Retry-After; a wait for one message alone is no rest of the account."""
    asked = [one.retry_after for one in told if one.reason == base.RATE_LIMITED]
    seconds = max((each for each in asked if each), default=0.0)
    if not seconds:
        return
    until = now + min(timedelta(seconds=seconds), LONGEST_REST)
    AccountStanding.objects.get_or_create(name=name)
    is_shorter = Q(rests_until_at=None) | Q(rests_until_at__lt=until)
    if AccountStanding.objects.filter(is_shorter, name=name).update(rests_until_at=until):
        accounts.forget()


def _is_too_bad(total: int, bad: int) -> bool:
    most = settings.ACCOUNT_ERROR_RATE
    return bool(most) and bad >= settings.ACCOUNT_ERRORS_MIN and bad / total >= most


def _is_dead(kept: accounts.Kept, bad: Mapping[BreakerReason, int], total: int) -> bool:
    """Whether nothing of the batch got through while another account could carry the next."""
    if sum(bad.get(reason, 0) for reason in _DEAD) < total:
        return False
    return any(one.name != kept.name for one in accounts.in_order(channel=kept.channel))


@transaction.atomic
def _open(name: str, reason: BreakerReason, detail: str, now: datetime) -> None:
    """Leave an account alone; each trial that fails doubles the time. Locks its standing."""
    AccountStanding.objects.get_or_create(name=name)
    standing = AccountStanding.objects.select_for_update().get(name=name)
    if standing.breaker == BreakerState.OPEN:
        return
    is_news = standing.breaker == BreakerState.CLOSED
    standing.trips = 0 if is_news else min(standing.trips + 1, 12)
    rest = timedelta(seconds=settings.ACCOUNT_REST_SECONDS) * 2**standing.trips
    standing.breaker, standing.reason, standing.detail = BreakerState.OPEN, reason, detail[:500]
    standing.opened_at = now if is_news else standing.opened_at
    standing.opened_until_at = now + min(rest, LONGEST_REST)
    standing.save()
    accounts.forget()
    if is_news:
        notices.tell(
            staff_ids=notices.who_may(permission="crm.change_provideraccount"),
            title=gettext_noop("An account is left alone: its messages fail"),
            detail=f"{name}: {detail}",
            path="/admin/crm/provideraccount/",
            now=now,
        )


def _end_trial(name: str, bad: Counter[BreakerReason], told: list[Outcome], now: datetime) -> None:
    """One that fails sends the account back; else it is in use again."""
    if bad:
        words = _words(told, (len(told), bad.total()))
        _open(name, BreakerReason(bad.most_common(1)[0][0]), words, now)
        return
    ended = AccountStanding.objects.filter(name=name, breaker=BreakerState.HALF_OPEN)
    ended.update(breaker=BreakerState.CLOSED, reason="", detail="", opened_until_at=None, trips=0)
    accounts.forget()


def _words(told: Iterable[Outcome], counted: tuple[int, int]) -> str:
    """The figures, and what the provider said last."""
    total, bad = counted
    said = [one.detail for one in told if one.reason in _REASONS and one.detail]
    return f"{bad} / {total}" + (f": {said[-1]}" if said else "")


def _tally(kept: accounts.Kept) -> str:
    """The name of the count; it begins anew with every breaking."""
    since = int(kept.opened_at.timestamp()) if kept.opened_at else 0
    return f"{buckets.prefix}tally:{kept.name}:{since}"


def _counted(tally: str, total: int, bad: int, now: datetime) -> tuple[int, int]:
    """Add to the count; gives how many there were over the window, and how many were bad."""
    slot, slots = int(now.timestamp()) // _SLOT, WINDOW_SECONDS // _SLOT
    if not buckets.is_away():
        try:
            script = buckets.client().register_script(_COUNT)
            found = script([tally], [slot, total, bad, slots])
            return int(found[0]), int(found[1])
        except RedisError as error:
            buckets.away(error)
    for key in [key for key in _local if key[1] <= slot - slots]:
        del _local[key]
    _local.setdefault((tally, slot), Counter()).update(all=total, bad=bad)
    mine = [count for (name, _at), count in _local.items() if name == tally]
    return sum(one["all"] for one in mine), sum(one["bad"] for one in mine)
