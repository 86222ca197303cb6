"""The words of marketing: kinds of segments, scores and runs."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SegmentKind(models.TextChoices):
    """How a segment finds its members."""

    RULE = "rule", _("Rules")
    LIST = "list", _("Fixed list")
    CLUSTER = "cluster", _("Customer cluster")


class OverrideMode(models.TextChoices):
    """Which way staff put a person by hand."""

    INCLUDE = "include", _("Always in")
    EXCLUDE = "exclude", _("Never in")


class MoveCause(models.TextChoices):
    """Why a customer came into a segment, or left it."""

    CHANGE = "change", _("Something about the customer changed")
    CLOCK = "clock", _("Time went by")
    RULES = "rules", _("The rules were changed")
    REFRESH = "refresh", _("All members were computed anew")
    STAFF = "staff", _("Put by hand")


class RowFate(models.TextChoices):
    """What became of a row of a file that fills a fixed list."""

    ADDED = "added", _("Added")
    KNOWN = "known", _("On the list already")
    UNKNOWN = "unknown", _("No customer is known by it")
    UNREADABLE = "unreadable", _("Cannot be read")


class ScoreKind(models.TextChoices):
    """What a score is about."""

    BUYS_90_DAYS = "buys_90_days", _("Buys within 90 days")


class RunKind(models.TextChoices):
    """What a training run fits."""

    BUYS_90_DAYS = "buys_90_days", _("Buys within 90 days")
    CLUSTERS = "clusters", _("Customer clusters")
    RECOMMENDATIONS = "recommendations", _("Recommendations")


class RecommendationMode(models.TextChoices):
    """Which way staff put a product among the recommendations by hand."""

    FIRST = "first", _("Among the first")
    NEVER = "never", _("Never")


class Because(models.TextChoices):
    """Why a product is recommended to somebody."""

    BOUGHT = "bought", _("Bought")
    VIEWED = "viewed", _("Looked at")
    CHOSEN = "chosen", _("Chosen by staff")
    BESTSELLER = "bestseller", _("Bestseller")


class RunState(models.TextChoices):
    """How a training run stands."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    USED = "used", _("In use")
    REPLACED = "replaced", _("Replaced by a newer run")
    NOT_USED = "not_used", _("Not better than the baseline")
    REFUSED = "refused", _("Not enough data")
    FAILED = "failed", _("Failed")
