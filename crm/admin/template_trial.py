"""The test beside the preview: what the preview shows, sent to whoever works on the template."""

from http import HTTPStatus
from typing import Any

from django.contrib.admin import site
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from crm import rendering, tasks, template_trials
from crm.admin import template_preview, veiling
from crm.admin.parts import staff_of
from crm.choices import Channel, FailureReason

_WRITES, _TESTS = "crm.change_template", "crm.check_provideraccount"


@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Have a worker send what the preview shows, masked where the preview is."""
    template_preview.check(request)
    channel = template_preview.channel_of(request)
    if not may_send(request, channel):
        raise PermissionDenied
    try:
        token = _asked(request, channel)
    except (rendering.RenderError, ValidationError) as error:
        said = " ".join(getattr(error, "messages", [str(error)]))
        return render(request, "admin/crm/template/trial.html", {"refusal": said})
    tasks.ring(tasks.send_template_test, token)
    return _shown(request, token)


@require_GET
def standing(request: HttpRequest, token: str) -> HttpResponse:
    """What became of a test, for whoever asked for it; a page of its own without a script."""
    template_preview.check(request)
    return _shown(request, token)


def _shown(request: HttpRequest, token: str) -> HttpResponse:
    found = template_trials.standing(token=token, by=staff_of(request), now=timezone.now())
    if found and found.state == request.GET.get("seen"):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context: dict[str, Any] = {"standing": found, "token": token}
    if found:
        context |= {"address": found.address, "why": found.detail or _words(found.reason)}
    if request.headers.get("HX-Request"):
        return render(request, "admin/crm/template/trial.html", context)
    context |= {**site.each_context(request), "title": gettext("Test of a template")}
    return render(request, "admin/crm/template/trial_page.html", context)


def may_send(request: HttpRequest, channel: str) -> bool:
    """Who writes templates may send tests to staff; others may reach anybody, and need more."""
    may_test = request.user.has_perm(_TESTS)
    return may_test or (channel == Channel.EMAIL and request.user.has_perm(_WRITES))


def _asked(request: HttpRequest, channel: Channel) -> str:
    person, now = template_preview.person_of(request), timezone.now()
    with veiling.reading(request):
        shown = template_preview.draw(request, person.pk, now)
    trial = template_trials.Trial(channel, shown, person.pk, _address(request, channel))
    return template_trials.ask(trial=trial, by=staff_of(request), now=now)


def _address(request: HttpRequest, channel: Channel) -> str:
    return request.POST.get(f"test_{channel}", "").strip()


def _words(reason: str) -> str:
    """What a failure without details is called."""
    return str(FailureReason(reason).label) if reason in FailureReason.values else reason
