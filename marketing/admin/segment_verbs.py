"""What staff do to a segment: compute it now, put a person in or out, lift that again."""

from datetime import datetime, time

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from crm.admin.parts import post_once, staff_of
from crm.tasks import ring
from marketing import segments, tasks
from marketing.choices import OverrideMode
from marketing.models import Segment

from .segment_page import address

CHANGE = "marketing.change_segment"
FOUND = 8


def refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the members to be computed; a worker does it, and the page shows when it is done."""

    def call() -> str:
        segments.request_refresh(segment_id=pk, now=timezone.now())
        return _("Being computed: this page shows the result by itself.")

    response = post_once(request, permission=CHANGE, back_to=address(pk), call=call)
    if isinstance(response, HttpResponseRedirect):
        ring(tasks.refresh_segment, pk)
    return response


def put(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a person in or keep a person out by hand."""

    def call() -> str:
        mode = request.POST.get("mode", "")
        if mode not in OverrideMode.values:
            raise ValidationError(_("Say whether the person is always or never in."))
        segments.put(
            segment_id=pk,
            customer_id=read_id(request),
            mode=mode,
            reason=read_reason(request),
            by=staff_of(request),
            now=timezone.now(),
            expires_at=read_end(request),
        )
        return _("Done, at once; the rules no longer decide about this person.")

    return post_once(request, permission=CHANGE, back_to=address(pk), call=call)


def put_one(request: HttpRequest) -> HttpResponse:
    """The same from the customer's page, where the form names the segment."""
    text = request.POST.get("segment", "")
    return put(request, get_object_or_404(Segment, pk=text if text.isdecimal() else 0).pk)


@permission_required("marketing.view_segment", raise_exception=True)
def named(request: HttpRequest) -> HttpResponse:
    """Find segments by name, to put a person in or out."""
    text = request.GET.get("text", "").strip()
    found = Segment.objects.filter(name__icontains=text).order_by("name")[:FOUND]
    context = {"found": found, "text": text}
    return render(request, "admin/marketing/segment_named.html", context)


def lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the rules decide about a person again."""

    def call() -> str:
        segments.lift(
            segment_id=pk, customer_id=read_id(request), by=staff_of(request), now=timezone.now()
        )
        return _("Lifted: the rules decide again.")

    return post_once(request, permission=CHANGE, back_to=address(pk), call=call)


def read_id(request: HttpRequest) -> int:
    """The customer that the form names."""
    text = request.POST.get("customer", "")
    if not text.isdecimal():
        raise ValidationError(_("Choose a customer first."))
    return int(text)


def read_reason(request: HttpRequest) -> str:
    """The reason that the form asks for; none is refused."""
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise ValidationError(_("Say why: the reason is kept in the history."))
    return reason[:255]


def read_end(request: HttpRequest) -> datetime | None:
    """The end of the day until which it holds; none holds until it is lifted."""
    text = request.POST.get("until", "").strip()
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or day < timezone.localdate():
        raise ValidationError(_("Choose a day from today on."))
    return timezone.make_aware(datetime.combine(day, time.max))
