"""Warm-up: a new sending domain sends so many on its first day, so many on its second …"""

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as day_time

from redis import RedisError

from crm import accounts
from crm.choices import Direction, MessageState
from crm.models import Message, SendingDomain
from crm.pacing import buckets

logger = logging.getLogger(__name__)

READ_EVERY = 1.0
_UNSENT = (MessageState.FAILED, MessageState.QUEUED)
_KEPT = timedelta(days=2)

# Unknown is told apart from nought: then it is counted from the messages, and asked again.
_TAKE = """
local used = redis.call('GET', KEYS[1])
if not used then return -1 end
local given = tonumber(ARGV[1])
if ARGV[3] == '0' then
  given = math.max(0, math.min(given, tonumber(ARGV[2]) - tonumber(used)))
end
redis.call('INCRBY', KEYS[1], given)
return given
"""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a domain's warm-up: how many it may send, and has sent."""

    domain: str
    date: date
    number: int
    allowed: int

    @property
    def key(self) -> str:
        """What its count is called in Valkey."""
        return f"{buckets.prefix}warm-up:{self.domain}:{self.date:%Y%m%d}"


@dataclass(slots=True)
class _Read:
    rows: dict[str, SendingDomain] = field(default_factory=dict)
    at: float = float("-inf")


_kept = _Read()


def forget() -> None:
    """Read the domains anew when next asked, in this process."""
    _kept.at = float("-inf")


def row_of(*, domain: str) -> SendingDomain | None:
    """The sending domain of this name, as read lately."""
    if time.monotonic() - _kept.at >= READ_EVERY:
        _kept.rows = {row.domain: row for row in SendingDomain.objects.all()}
        _kept.at = time.monotonic()
    return _kept.rows.get(domain)


def today(*, row: SendingDomain, now: datetime) -> Day | None:
    """Today's share of the plan; none before and after the warm-up."""
    if row.warm_up_from_date is None:
        return None
    on = now.astimezone(UTC).date()
    number = (on - row.warm_up_from_date).days
    if number >= len(row.warm_up_plan):
        return None
    # Before its first day a domain sends as on the first.
    number = max(0, number)
    return Day(row.domain, on, number + 1, row.warm_up_plan[number])


def take(*, day: Day, wanted: int, urgent: bool) -> int:
    """Count up to so many as sent today; what is urgent is counted and never refused."""
    if not buckets.is_away():
        try:
            return _take(day, wanted, urgent)
        except RedisError as error:
            buckets.away(error)
    return wanted if urgent else max(0, min(wanted, day.allowed - sent_on(day=day)))


def put_back(*, day: Day, count: int) -> None:
    """Take back what was counted and did not go."""
    if count <= 0 or buckets.is_away():
        return
    try:
        if buckets.client().exists(day.key):
            buckets.client().decrby(day.key, count)
    except RedisError as error:
        buckets.away(error)


def sent_on(*, day: Day) -> int:
    """How many messages of a domain left on a day, counted from the messages themselves."""
    begins_at = datetime.combine(day.date, day_time(), tzinfo=UTC)
    names = accounts.names_of(domain=day.domain)
    sent = Message.objects.filter(
        direction=Direction.OUT,
        provider__in=names,
        created_at__gte=begins_at,
        created_at__lt=begins_at + timedelta(days=1),
    )
    return sent.exclude(state__in=_UNSENT).count()


def _take(day: Day, wanted: int, urgent: bool) -> int:
    script = buckets.client().register_script(_TAKE)
    asked = [wanted, day.allowed, int(urgent)]
    given = int(script([day.key], asked))
    if given >= 0:
        return given
    seconds = int(_KEPT.total_seconds())
    buckets.client().set(day.key, sent_on(day=day), nx=True, ex=seconds)
    return max(0, int(script([day.key], asked)))
