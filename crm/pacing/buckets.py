"""Token buckets that all processes share, in Valkey and by its clock; without it, local ones."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from redis import Redis, RedisError

logger = logging.getLogger(__name__)

# Taken all or nothing of: every bucket named gives the same number. What is urgent may go into
# debt by one burst, which what can wait pays back: so it comes first without being free.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local wanted, debt = tonumber(ARGV[1]), tonumber(ARGV[2])
local given, wait, levels = wanted, 0, {}
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local kept = redis.call('HMGET', key, 'level', 'at')
  local level = tonumber(ARGV[3 * i + 2])
  if kept[1] then
    level = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate)
  end
  levels[i] = level
  local free = math.floor(level + debt * burst + 0.000001)
  if free < given then given = math.max(0, free) end
  if level + debt * burst < 1 then wait = math.max(wait, (1 - level - debt * burst) / rate) end
end
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  redis.call('HSET', key, 'level', string.format('%.6f', levels[i] - given),
             'at', string.format('%.6f', now))
  redis.call('EXPIRE', key, math.ceil(2 * burst / rate) + 60)
end
return {given, string.format('%.6f', wait)}
"""
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('HINCRBYFLOAT', key, 'level', ARGV[1]) end
end
"""
# Places in a queue that has a rate: the next free one, and how far ahead places are given.
_QUEUE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local ahead = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local after = math.min(ahead + tonumber(ARGV[1]), now + tonumber(ARGV[2]))
redis.call('SET', KEYS[1], string.format('%.6f', after), 'EX', math.ceil(tonumber(ARGV[2])) + 60)
return string.format('%.6f', ahead - now)
"""
# Nobody is given a place further ahead: a campaign that is cancelled leaves its places empty.
HORIZON = 600.0
# What all keys begin with.
prefix = ""
# How long nobody asks a Valkey that was away, and says so again.
_AWAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit: so many a second, so many at once."""

    name: str
    per_second: float
    burst: float
    at_first: float

    @property
    def key(self) -> str:
        """What it is called in Valkey."""
        return f"{prefix}pace:{self.name}"


@dataclass(slots=True)
class _Level:
    tokens: float
    at: float


_levels: dict[str, _Level] = {}
_away_until = 0.0


def of(*, name: str, per_second: float, burst: float | None = None) -> Bucket:
    """A bucket; without a burst of its own, what goes in a quarter second.

    That is saved up first: who only begins is not faster than the limit.
    """
    if burst:
        return Bucket(name, per_second, max(1.0, burst), max(1.0, burst))
    return Bucket(name, per_second, max(1.0, per_second / 4), 1.0)


def take(buckets: Sequence[Bucket], wanted: int, *, debt: int = 0) -> tuple[int, float]:
    """Take up to so many from all of them; gives how many, and seconds until there is one."""
    if not buckets or wanted <= 0:
        return max(0, wanted), 0.0
    numbers = [number for one in buckets for number in (one.per_second, one.burst, one.at_first)]
    if not is_away():
        try:
            script = client().register_script(_TAKE)
            given, wait = script([one.key for one in buckets], [wanted, debt, *numbers])
            return int(given), float(wait)
        except RedisError as error:
            away(error)
    return _take_locally(buckets, wanted, debt)


def put_back(buckets: Sequence[Bucket], count: int) -> None:
    """Return what was taken and not used; where it cannot be, it fills up again by itself."""
    if not buckets or count <= 0 or is_away():
        return
    try:
        client().register_script(_GIVE_BACK)([one.key for one in buckets], [count])
    except RedisError as error:
        away(error)


def places(bucket: Bucket, count: int) -> list[float]:
    """When each of so many may come again, in seconds from now, so that they come at the rate."""
    ahead, step = 0.0, 1 / bucket.per_second
    if not is_away():
        try:
            script = client().register_script(_QUEUE)
            ahead = float(script([f"{bucket.key}:queue"], [count * step, HORIZON]))
        except RedisError as error:
            away(error)
    return [min(ahead + (place + 1) * step, HORIZON) for place in range(count)]


def is_away() -> bool:
    """Whether Valkey was away just now."""
    return time.monotonic() < _away_until


def away(error: Exception) -> None:
    """Remember, and say, that Valkey is away."""
    global _away_until  # noqa: PLW0603 - one process, one Valkey
    _away_until = time.monotonic() + _AWAY_SECONDS
    logger.warning("Limits are kept by each process alone: %s", type(error).__name__)


@cache
def client() -> Redis:
    """A connection that says soon when nobody answers."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.5)


def _take_locally(buckets: Sequence[Bucket], wanted: int, debt: int) -> tuple[int, float]:
    """A share of each limit for this process alone: together they stay below the whole."""
    now, given, wait = time.monotonic(), float(wanted), 0.0
    share = 1 / (settings.CAMPAIGN_SENDERS + 1)
    for one in buckets:
        rate, burst = one.per_second * share, max(1.0, one.burst * share)
        level = _levels.setdefault(one.name, _Level(min(burst, one.at_first), now))
        level.tokens = min(burst, level.tokens + (now - level.at) * rate)
        level.at = now
        free = level.tokens + debt * burst
        given = min(given, max(0.0, float(int(free))))
        if free < 1:
            wait = max(wait, (1 - free) / rate)
    for one in buckets:
        _levels[one.name].tokens -= given
    return int(given), wait
