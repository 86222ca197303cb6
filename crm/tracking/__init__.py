"""Tracking: who opened and clicked, machines aside, as much of it as everybody allows.

What is seen is written on a spool by the web process and recorded by thousands. See
docs/clicks.md.
"""

from .agents import collects_pages
from .counting import record
from .leading import leads_to
from .leaving import NotFound, channel, language, receiver, unsubscribe
from .looks import Look, look_of
from .modes import choose_mode, chosen_mode, untracked
from .seeing import follow, saw_opening, saw_trap, writer
from .sightings import Sighting

__all__ = [
    "Look",
    "NotFound",
    "Sighting",
    "channel",
    "choose_mode",
    "chosen_mode",
    "collects_pages",
    "follow",
    "language",
    "leads_to",
    "look_of",
    "receiver",
    "record",
    "saw_opening",
    "saw_trap",
    "unsubscribe",
    "untracked",
    "writer",
]
