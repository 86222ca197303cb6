"""Seeing: an opening or a click is written on the spool, and only then answered.

It is in the file before the answer, so that no death of a process loses it; the disk is not waited
for. Where nothing can be written the person is led on all the same.
"""

import logging
from datetime import datetime
from functools import cache

from django.conf import settings

from crm import spool
from crm.rendering.slots import TRAP
from crm.tracking.leading import leads_to
from crm.tracking.looks import Look
from crm.tracking.sightings import Sighting, pack
from crm.tracking_choices import SightingKind

logger = logging.getLogger(__name__)

FOLDER = "sightings"
LONGEST_URL = 2000


def saw_opening(*, message_id: int, look: Look, now: datetime) -> None:
    """Take down that the picture of a message was asked for."""
    _take_down(SightingKind.OPENED, message_id, look, now)


def saw_trap(*, message_id: int, look: Look, now: datetime) -> None:
    """Take down that the link that nobody sees was followed."""
    _take_down(SightingKind.CLICKED, message_id, look, now, TRAP)


def follow(*, message_id: int, position: int, look: Look, now: datetime) -> str:
    """Take down that a link was followed, and give where it leads; NotFound if nowhere."""
    url = leads_to(message_id=message_id, position=position)
    _take_down(SightingKind.CLICKED, message_id, look, now, position, url)
    return url


@cache
def writer() -> spool.Writer:
    """The spool of this process."""
    return spool.Writer(settings.SPOOL_DIR / FOLDER, durable=False)


def _take_down(
    kind: str, message_id: int, look: Look, now: datetime, position: int = 0, url: str = ""
) -> None:
    sighting = Sighting(
        kind=str(kind),
        message_id=message_id,
        seen_at=now,
        position=position,
        url=_plain(url)[:LONGEST_URL],
        agent=_plain(look.agent),
        mark=look.mark,
        has_language=look.has_language,
    )
    try:
        writer().append(pack(sighting=sighting))
    except spool.SpoolUnwritable as error:
        logger.error("The spool cannot be written; a sighting is lost: %s", error)


def _plain(text: str) -> str:
    """Text that PostgreSQL keeps: no NUL, no half characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
