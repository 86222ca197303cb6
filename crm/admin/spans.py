"""How far away a moment is, in the one unit that says most."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

# The seconds of each unit, largest first, with what is said of the past and of the future.
UNITS: tuple[tuple[int, Any, Any], ...] = (
    (
        31_557_600,
        ngettext_lazy("%(n)d year ago", "%(n)d years ago", "n"),
        ngettext_lazy("in %(n)d year", "in %(n)d years", "n"),
    ),
    (
        2_629_800,
        ngettext_lazy("%(n)d month ago", "%(n)d months ago", "n"),
        ngettext_lazy("in %(n)d month", "in %(n)d months", "n"),
    ),
    (
        604_800,
        ngettext_lazy("%(n)d week ago", "%(n)d weeks ago", "n"),
        ngettext_lazy("in %(n)d week", "in %(n)d weeks", "n"),
    ),
    (
        86_400,
        ngettext_lazy("%(n)d day ago", "%(n)d days ago", "n"),
        ngettext_lazy("in %(n)d day", "in %(n)d days", "n"),
    ),
    (
        3600,
        ngettext_lazy("%(n)d hour ago", "%(n)d hours ago", "n"),
        ngettext_lazy("in %(n)d hour", "in %(n)d hours", "n"),
    ),
    (
        60,
        ngettext_lazy("%(n)d minute ago", "%(n)d minutes ago", "n"),
        ngettext_lazy("in %(n)d minute", "in %(n)d minutes", "n"),
    ),
    (
        1,
        ngettext_lazy("%(n)d second ago", "%(n)d seconds ago", "n"),
        ngettext_lazy("in %(n)d second", "in %(n)d seconds", "n"),
    ),
)


def distance(*, at: datetime, now: datetime) -> str:
    """Say how long ago a moment is, or how far ahead."""
    seconds = (now - at).total_seconds()
    for size, past, future in UNITS:
        count = int(abs(seconds) // size)
        if count:
            return str((past if seconds > 0 else future) % {"n": count})
    return _("just now")
