"""The test beside the preview: what the preview shows, sent to whoever works on the template."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm import rendering, template_trials
from crm.admin import template_preview, veiling
from crm.admin.parts import staff_of
from crm.channels import base
from crm.choices import Channel, FailureReason

_WRITES, _TESTS = "crm.change_template", "crm.check_provideraccount"


@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Send what the preview shows, masked where the preview is; say how that went."""
    template_preview.check(request)
    channel = template_preview.channel_of(request)
    if not may_send(request, channel):
        raise PermissionDenied
    context: dict[str, Any] = {"address": _address(request, channel)}
    try:
        context["outcome"] = outcome = _sent(request, channel)
    except (rendering.RenderError, ValidationError) as error:
        context["refusal"] = " ".join(getattr(error, "messages", [str(error)]))
    else:
        context["why"] = outcome.detail or _words(outcome.reason)
    return render(request, "admin/crm/template/trial.html", context)


def may_send(request: HttpRequest, channel: str) -> bool:
    """Who writes templates may send tests to staff; texts may reach anybody, and need more."""
    may_test = request.user.has_perm(_TESTS)
    return may_test or (channel == Channel.EMAIL and request.user.has_perm(_WRITES))


def _sent(request: HttpRequest, channel: Channel) -> base.Outcome:
    person, now = template_preview.person_of(request), timezone.now()
    with veiling.reading(request):
        shown = template_preview.draw(request, person.pk, now)
    trial = template_trials.Trial(channel, shown, person.pk, _address(request, channel))
    return template_trials.send(trial=trial, by=staff_of(request), now=now)


def _address(request: HttpRequest, channel: Channel) -> str:
    return request.POST.get(f"test_{channel}", "").strip()


def _words(reason: str) -> str:
    """What a failure without details is called."""
    return str(FailureReason(reason).label) if reason in FailureReason.values else reason
