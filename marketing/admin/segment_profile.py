"""What stands out about the people of a segment, beside everybody, in words and with lift."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.admin.veiling import SEES_ALL
from crm.choices import Channel
from crm.models import AttributeDefinition
from marketing import profiles
from marketing.models import Segment
from marketing.profiles import Profile, Trait
from marketing.rules.conditions.person import TEXT_FIELDS

FIGURE_NAMES: dict[str, Any] = {
    "orders": gettext_lazy("orders per person"),
    "revenue": gettext_lazy("revenue per person"),
}


@dataclass(frozen=True)
class Row:
    """A trait as it is shown."""

    words: str
    percent: float
    usual_percent: float
    lift: float | None


@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the members have more of than everybody, and less of."""
    segment = get_object_or_404(Segment, pk=pk)
    context: dict[str, Any] = {"segment": segment}
    try:
        found = profiles.describe(
            segment_id=segment.pk, attributes=_readable(request), now=timezone.now()
        )
    except DatabaseError:
        context["problem"] = _("Comparing took too long and was stopped; look again later.")
    else:
        context.update(profile=found, **_rows(found))
    return render(request, "admin/marketing/segment_profile.html", context)


def _readable(request: HttpRequest) -> frozenset[str]:
    """The attributes that this reader may see; those of protected groups are never looked at."""
    defined = AttributeDefinition.objects.filter(is_protected=False)
    names = frozenset(defined.values_list("name", flat=True))
    if request.user.has_perm(SEES_ALL):
        return names
    return names & AttributeDefinition.public_names()


def _rows(found: Profile) -> dict[str, Any]:
    figures = [(FIGURE_NAMES[figure.name], figure) for figure in found.figures]
    return {
        "more": [_row(trait) for trait in found.more],
        "less": [_row(trait) for trait in found.less],
        "figures": figures,
    }


def _row(trait: Trait) -> Row:
    lift = trait.lift if trait.usual else None
    return Row(_WORDS[trait.facet](trait), 100 * trait.share, 100 * trait.usual, lift)


def _field(trait: Trait) -> str:
    return _named(str(TEXT_FIELDS[trait.name]), trait.value)


def _named(name: str, value: str) -> str:
    return _("%(name)s: %(value)s") % {"name": name, "value": value or _("unknown")}


def _event(trait: Trait) -> str:
    values = {"name": trait.name, "n": profiles.RECENT_DAYS}
    return _("did “%(name)s” in the last %(n)d days") % values


def _category(trait: Trait) -> str:
    return _("bought “%(name)s”") % {"name": trait.name}


def _consent(trait: Trait) -> str:
    channel = str(Channel(trait.name).label)
    return _("allows marketing by %(channel)s") % {"channel": channel}


_WORDS: dict[str, Callable[[Trait], str]] = {
    "field": _field,
    "attribute": lambda trait: _named(trait.name, trait.value),
    "event": _event,
    "category": _category,
    "ordered": lambda _trait: _("ordered at least once"),
    "consent": _consent,
}
