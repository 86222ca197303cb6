"""The preview of a campaign as a real customer: chosen by name, shown in a sandboxed frame."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from campaigns import costs
from campaigns.models import Campaign
from crm import search, templates
from crm.channels import segments
from crm.choices import Channel
from crm.models import Customer
from crm.rendering import RenderError

from .page import find, first_step

FOUND = 8
# A message is a stranger's document: no scripts, no calls, no forms, nothing from outside.
DOCUMENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"


@permission_required("campaigns.view_campaign", raise_exception=True)
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Find customers by name or address, to preview as."""
    text = request.GET.get("text", "").strip()
    found = list(search.customers(text=text)[:FOUND]) if text else []
    context = {"found": found, "text": text, "campaign_id": pk}
    return render(request, "admin/campaigns/people.html", context)


@permission_required("campaigns.view_campaign", raise_exception=True)
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what one customer would get."""
    campaign = find(pk)
    customer = get_object_or_404(Customer, pk=_number(request.GET.get("customer", "")))
    context: dict[str, Any] = {"campaign": campaign, "customer": customer}
    try:
        context["rendered"] = rendered = _render(campaign, customer.pk)
    except RenderError as error:
        context["error"] = error
    else:
        if rendered and first_step(campaign).channel == Channel.SMS:
            text = costs.as_sent(campaign=campaign, customer=customer, text=rendered.text)
            context |= {"text": text, "sms": segments.measure(text)}
    return render(request, "admin/campaigns/preview.html", context)


@permission_required("campaigns.view_campaign", raise_exception=True)
def document(request: HttpRequest, pk: int) -> HttpResponse:
    """The message itself, for the frame of the preview."""
    try:
        customer = get_object_or_404(Customer, pk=_number(request.GET.get("customer", "")))
        rendered = _render(find(pk), customer.pk)
        body = rendered.html if rendered else ""
    except RenderError:
        body = ""
    response = HttpResponse(body)
    response["Content-Security-Policy"] = DOCUMENT_POLICY
    return response


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _render(campaign: Campaign, customer_id: int) -> Any:
    step = first_step(campaign)
    version = step and (step.template_version or templates.latest(template_id=step.template_id))
    if not version:
        return None
    return templates.preview_version(version=version, customer_id=customer_id, now=timezone.now())
