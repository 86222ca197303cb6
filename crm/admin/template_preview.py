"""The live half of the template editor: what a real customer would get, and the variables."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm import rendering, search, templates, variables
from crm.admin import frame, veiling
from crm.channels import segments
from crm.choices import Channel
from crm.models import Customer

PARTS = ("name", "channel", "subject", "html", "text")
_PEOPLE_SHOWN = 8
_LIST_SHOWN = 1


@require_POST
@veiling.reads
def preview(request: HttpRequest) -> HttpResponse:
    """Render what is in the editor for the chosen customer; an error says part and line."""
    return respond(request, channel_of(request), partial(draw, request))


def channel_of(request: HttpRequest) -> Channel:
    """The channel of what the editor holds."""
    return Channel(request.POST.get("channel", ""))


def draw(request: HttpRequest, customer_id: int, now: datetime) -> rendering.Rendered:
    """What the editor holds, for a customer."""
    draft = {name: request.POST.get(name, "") for name in ("subject", "html", "text")}
    return templates.preview(channel=channel_of(request), **draft, customer_id=customer_id, now=now)


def respond(
    request: HttpRequest, channel: Channel, draw: Callable[[int, datetime], rendering.Rendered]
) -> HttpResponse:
    """Show what `draw` makes for the chosen customer, or what is wrong."""
    check(request)
    person = person_of(request)
    now = timezone.now()
    context: dict[str, Any] = {"person": person, "channel": channel}
    try:
        shown = draw(person.pk, now)
    except rendering.RenderError as error:
        context["error"] = error
    else:
        context |= {"shown": shown, "frame": frame.inline(shown.html, shown.subject)}
        if channel == Channel.SMS:
            context["sms"] = segments.measure(shown.text)
    known = variables.gather_many(customer_ids=[person.pk], now=now)[person.pk]
    context["variables"] = [*paths(known), *_provided()]
    return render(request, "admin/crm/template/preview.html", context)


def check(request: HttpRequest) -> None:
    """Refuse who may not see templates, or customers."""
    if not request.user.has_perms(["crm.view_template", "crm.view_customer"]):
        raise PermissionDenied


def person_of(request: HttpRequest) -> Customer:
    """The chosen customer."""
    return get_object_or_404(Customer, pk=request.POST.get("customer_id") or 0)


def people(request: HttpRequest) -> HttpResponse:
    """The customers a search finds, to preview as one of them."""
    check(request)
    text = request.GET.get("person", "").strip()
    found = search.customers(text=text)[:_PEOPLE_SHOWN] if len(text) > 1 else []
    return render(request, "admin/crm/template/people.html", {"people": found, "text": text})


def somebody() -> Customer | None:
    """A customer to begin with: the one who came last, with a name if any has one."""
    named = Customer.objects.exclude(first_name="").order_by("-id")
    return named.first() or Customer.objects.order_by("-id").first()


def paths(known: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every path a template can name, with the value it has for the chosen customer."""
    for name, value in known.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from paths(value, f"{path}.")
        elif isinstance(value, list):
            for place, item in enumerate(value[:_LIST_SHOWN]):
                inner = item if isinstance(item, Mapping) else {"": item}
                yield from paths(inner, f"{path}[{place}].")
        else:
            yield path, value


def _provided() -> Iterator[tuple[str, str]]:
    for name in sorted(rendering.PROVIDED_VARIABLES - {"language", "timezone"}):
        yield name, "https://…"
