"""Words of tracking: how much is noted of whom, what was seen, and why something does not count."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class TrackingMode(models.TextChoices):
    """How much is noted of who opens a message and follows its links; the strictest comes first."""

    OFF = "off", _("Off: no picture, plain links")
    AGGREGATE = "aggregate", _("Aggregate: counted for the template, of no person")
    PERSONAL = "personal", _("Personal: on each person's timeline")


class SightingKind(models.TextChoices):
    """What was done with a message."""

    OPENED = "opened", _("Opened")
    CLICKED = "clicked", _("Clicked")


class SightingReason(models.TextChoices):
    """Why an opening or a click is not a person's."""

    HEAD = "head", _("Only the head was asked for")
    PREFETCH = "prefetch", _("Loaded ahead, before anybody looked")
    CRAWLER = "crawler", _("A known program")
    NAMELESS = "nameless", _("Says nothing of what it is")
    TRAPPED = "trapped", _("Followed the link that nobody sees")
    SCANNER = "scanner", _("A scanner of mail: too soon or too many at once")
