"""Which of what was seen no person did: by its name, its haste, how much at once, and a trap."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from crm.rendering.slots import TRAP
from crm.tracking import agents
from crm.tracking.sightings import Sighting
from crm.tracking_choices import SightingKind, SightingReason

# Nobody reads a mail so soon after it was sent, least of all by what knows no language.
TOO_SOON = timedelta(seconds=2)
# So many links of one mail, or all it has, within so long are followed by no hand.
AT_ONCE = timedelta(seconds=1)
MANY = 3
# So near to the link that nobody sees all clicks of a message are the machine's.
NEAR_TRAP = timedelta(seconds=15)

SentAt = Mapping[int, datetime | None]
TrappedAt = Mapping[int, datetime | None]
CountLinks = Callable[[int], int]


def reasons(
    *,
    seen: Sequence[Sighting],
    sent: SentAt,
    count_links: CountLinks,
    trapped: TrappedAt | None = None,
) -> list[str]:
    """Why each does not count, in their order; empty for what a person did.

    `sent` says when each message went out, `count_links` how many links a message has, and
    `trapped` when a machine followed the link that nobody sees, as far as it is known already.
    """
    found = [_reason(one, sent.get(one.message_id)) for one in seen]
    clicks: defaultdict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(seen):
        if one.kind == SightingKind.CLICKED:
            clicks[one.message_id].append(place)
    for message_id, places in clicks.items():
        places.sort(key=lambda place: seen[place].seen_at)
        at_once = _by_no_hand(seen, places, lambda: count_links(message_id))  # noqa: B023
        for place in at_once | _by_a_trap(seen, places, (trapped or {}).get(message_id)):
            found[place] = found[place] or SightingReason.SCANNER.value
    return found


def is_trap(*, sighting: Sighting) -> bool:
    """Whether the link that nobody sees was followed."""
    return sighting.kind == SightingKind.CLICKED and sighting.position == TRAP


def _reason(one: Sighting, sent_at: datetime | None) -> str:
    if is_trap(sighting=one):
        return SightingReason.TRAPPED.value
    known = one.mark or agents.reason(agent=one.agent, kind=one.kind)
    if known or one.kind != SightingKind.CLICKED or one.has_language or sent_at is None:
        return known
    return SightingReason.SCANNER.value if one.seen_at - sent_at < TOO_SOON else ""


def _by_a_trap(seen: Sequence[Sighting], places: Sequence[int], known: datetime | None) -> set[int]:
    """Those of one message's clicks that came near to one on the link that nobody sees."""
    trapped = [seen[place].seen_at for place in places if is_trap(sighting=seen[place])]
    times = sorted([*trapped, known] if known else trapped)
    found: set[int] = set()
    for place in places if times else ():
        at = seen[place].seen_at
        next_one = bisect_left(times, at - NEAR_TRAP)
        if next_one < len(times) and times[next_one] <= at + NEAR_TRAP:
            found.add(place)
    return found


def _by_no_hand(
    seen: Sequence[Sighting], places: Sequence[int], count_links: Callable[[], int]
) -> set[int]:
    """Those of one message's clicks, in order of time, that came too many at once."""
    if len(places) < 2:
        return set()
    found: set[int] = set()
    start = 0
    for end, place in enumerate(places):
        while seen[place].seen_at - seen[places[start]].seen_at > AT_ONCE:
            start += 1
        window = places[start : end + 1]
        links = len({seen[each].position for each in window})
        if links >= MANY or (links > 1 and links >= count_links()):
            found.update(window)
    return found
