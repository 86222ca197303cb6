"""Which of what was seen no person did: by its name, by its haste, by how much at once."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from crm.tracking import agents
from crm.tracking.sightings import Sighting
from crm.tracking_choices import SightingKind, SightingReason

# Nobody reads a mail so soon after it was sent, least of all by what knows no language.
TOO_SOON = timedelta(seconds=2)
# So many links of one mail, or all it has, within so long are followed by no hand.
AT_ONCE = timedelta(seconds=1)
MANY = 3

SentAt = Mapping[int, datetime | None]
CountLinks = Callable[[int], int]


def reasons(*, seen: Sequence[Sighting], sent: SentAt, count_links: CountLinks) -> list[str]:
    """Why each does not count, in their order; empty for what a person did.

    `sent` says when each message went out, `count_links` how many links a message has.
    """
    found = [_reason(one, sent.get(one.message_id)) for one in seen]
    clicks: defaultdict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(seen):
        if one.kind == SightingKind.CLICKED:
            clicks[one.message_id].append(place)
    for message_id, places in clicks.items():
        places.sort(key=lambda place: seen[place].seen_at)
        for place in _by_no_hand(seen, places, lambda: count_links(message_id)):  # noqa: B023
            found[place] = found[place] or SightingReason.SCANNER.value
    return found


def _reason(one: Sighting, sent_at: datetime | None) -> str:
    known = one.mark or agents.reason(agent=one.agent, kind=one.kind)
    if known or one.kind != SightingKind.CLICKED or one.has_language or sent_at is None:
        return known
    return SightingReason.SCANNER.value if one.seen_at - sent_at < TOO_SOON else ""


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
