"""How PostgreSQL would go about a segment's rules, for those who may see it."""

from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _

from marketing.choices import SegmentKind
from marketing.models import Segment
from marketing.rules import RuleError, explain_plan
from marketing.segments.base import time_limit

# Planning reads no rows; what takes longer is stuck.
LIMIT_SECONDS = 5.0


@permission_required("marketing.view_segment", raise_exception=True)
@permission_required("marketing.view_plan", raise_exception=True)
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The plan as PostgreSQL writes it, or why there is none."""
    segment = get_object_or_404(Segment, pk=pk)
    context = {"plan": "", "problem": ""}
    try:
        context["plan"] = _plan(segment)
    except RuleError as error:
        context["problem"] = f"{error.problem} {error.fix}"
    except DatabaseError:
        context["problem"] = _("The database could not plan it in time.")
    return render(request, "admin/marketing/segment_plan.html", context)


def _plan(segment: Segment) -> str:
    if segment.kind != SegmentKind.RULE:
        return ""
    with transaction.atomic(), time_limit(seconds=LIMIT_SECONDS):
        return explain_plan(rules=segment.rules, now=timezone.now())
