"""How a segment stands, in words: how fresh it is, what fails, and what to do about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from marketing import segments
from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import RuleError, explain
from marketing.segments import Freshness

# State, its words, how bad it is, and its symbol; the worst come first.
STATES: dict[str, tuple[Any, str, str]] = {
    "failing": (gettext_lazy("fails"), "bad", "error"),
    "late": (pgettext_lazy("of a segment", "lags behind"), "warn", "schedule"),
    "new": (gettext_lazy("not computed yet"), "warn", "hourglass_empty"),
    "fresh": (gettext_lazy("up to date"), "good", "check_circle"),
}


@dataclass(frozen=True)
class Trouble:
    """Why a segment cannot be computed, what to do, and what was said at the time."""

    problem: str
    advice: str
    said: str


@dataclass(frozen=True)
class Standing:
    """A segment's state as pages show it."""

    fresh: Freshness
    trouble: Trouble | None
    is_computing: bool

    @property
    def word(self) -> str:
        """The state in a word or two."""
        return str(STATES[self.fresh.state][0])

    @property
    def tone(self) -> str:
        """How good or bad it is."""
        return STATES[self.fresh.state][1]

    @property
    def icon(self) -> str:
        """Its symbol."""
        return STATES[self.fresh.state][2]


@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that follows a computation; the whole page once that is over."""
    segment = get_object_or_404(Segment.objects.select_related("cluster"), pk=pk)
    context = around(request, segment, timezone.now())
    response = render(request, "admin/marketing/segment_standing.html", context)
    if not context["standing"].is_computing:
        response["HX-Refresh"] = "true"
    return response


def around(request: HttpRequest, segment: Segment, now: datetime) -> dict[str, Any]:
    """What the part of the page shows."""
    return {
        "segment": segment,
        "standing": of(segment, now),
        "sentence": sentence(request, segment),
        "flow": segments.flow(segment_id=segment.pk, now=now),
        "can_change": request.user.has_perm("marketing.change_segment"),
    }


def of(segment: Segment, now: datetime) -> Standing:
    """How one segment stands."""
    found = segments.freshness(now=now, segment_ids=[segment.pk])
    return read(segment, found[segment.pk], now)


def read(segment: Segment, fresh: Freshness, now: datetime) -> Standing:
    """The same, where its freshness is known."""
    wanted = segment.refresh_wanted_at
    is_wanted = wanted is not None and wanted <= now
    is_computing = is_wanted or (fresh.state == "new" and wanted is None)
    return Standing(fresh, trouble(segment), is_computing)


def trouble(segment: Segment) -> Trouble | None:
    """What is wrong with a segment in the reader's language; nothing where all is well."""
    if not segment.error:
        return None
    if segment.kind == SegmentKind.RULE:
        try:
            segments.check(segment=segment)
        except RuleError as error:
            problem = _("The rules cannot be computed: %(problem)s") % {"problem": error.problem}
            return Trouble(problem, error.fix, segment.error)
    if "statement timeout" in segment.error:
        return _too_slow(segment)
    if "lock" in segment.error:
        problem = _("Something else held the customers for too long.")
        return Trouble(problem, _("Nothing need be done: it is tried again."), segment.error)
    problem = _("The database could not compute it.")
    advice = _(
        "It is tried again by itself. If it goes on, show the words below to whoever runs Rapport."
    )
    return Trouble(problem, advice, segment.error)


def _too_slow(segment: Segment) -> Trouble:
    problem = _("Computing it took longer than %(n)d seconds and was stopped.")
    advice = _(
        "Let the rules look at less: a shorter span of time, fewer properties of events, or one "
        "more condition that leaves few people. Whoever runs Rapport may also raise "
        "SEGMENT_TIMEOUT_SECONDS."
    )
    return Trouble(problem % {"n": settings.SEGMENT_TIMEOUT_SECONDS}, advice, segment.error)


def sentence(request: HttpRequest, segment: Segment) -> str:
    """The segment in words; empty where it has no rules or they cannot be read."""
    if segment.kind != SegmentKind.RULE:
        return ""
    try:
        return say(request, segment.rules)
    except RuleError:
        return ""


def say(request: HttpRequest, rules: Any) -> str:
    """Rules in words, with the names of what they speak of as far as the reader may see these."""
    names = segments.names(rules=rules, hidden=hidden_from(request))
    return explain(rules=rules, names=names)


def hidden_from(request: HttpRequest) -> frozenset[str]:
    """The kinds of rows above whose names the reader may not see, as `campaign`."""
    using = {relation.related_model._meta for relation in Segment._meta.related_objects}
    return frozenset(
        str(options.model_name)
        for options in using
        if not request.user.has_perm(f"{options.app_label}.view_{options.model_name}")
    )
