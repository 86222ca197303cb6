"""What the world outside sees of us: callbacks, links of messages, unsubscribe and preferences."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from csp.decorators import csp, csp_update
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from crm import (
    accounts,
    callbacks,
    links,
    messages,
    normalise,
    preferences,
    privacy,
    returned_mail,
    tasks,
    tracking,
    variables,
)
from crm import push as subscriptions
from crm.channels.base import CallbackRefused, CallbackRequest
from crm.choices import DecisionSource, PrivacyKind
from crm.models import Message
from crm.rendering import RenderError

# Some providers tell of thousands of mails at once.
MAX_CALLBACK = 10_000_000
MAX_MAIL = 32 * 1024 * 1024
# Public pages load our own style sheet and post to us, and that is all they may do.
STRICT = {
    "default-src": [NONE],
    "style-src": [SELF],
    "img-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
# The one public page with a script: it asks the browser for a subscription and posts it to us.
SCRIPTED = {"script-src": [SELF], "connect-src": [SELF], "worker-src": [SELF]}
# A message in the browser shows its pictures, runs nothing and is nobody's origin.
SEALED = (
    "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)

_NOT_THERE = (
    links.BadToken,
    tracking.NotFound,
    preferences.NotWaiting,
    privacy.NotOpen,
    RenderError,
)

View = Callable[..., HttpResponse]


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """Keep what a provider tells us, once and only if it is proven, then ring for it."""
    if accounts.for_provider(provider=provider) is None:
        return HttpResponse(status=404)
    if request.method == "HEAD":
        return HttpResponse()  # some try the address before they give the key for proofs
    # Read like this a body may be larger than forms may be.
    body = request.read(MAX_CALLBACK + 1)
    if len(body) > MAX_CALLBACK:
        return HttpResponse(status=413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        kept = callbacks.store(
            provider=provider,
            headers=headers,
            body=body,
            # Providers sign the address that they were told, whatever stands before us.
            url=f"{settings.PUBLIC_URL}{request.get_full_path()}",
            now=timezone.now(),
        )
    except CallbackRefused:
        return HttpResponse(status=403)
    if kept is not None:
        tasks.ring(tasks.process_callbacks)
    answer = callbacks.answer_to(provider=provider)
    return HttpResponse(status=204) if answer is None else JsonResponse(answer)


@csrf_exempt
@require_http_methods(["HEAD", "POST"])
def posted_mail(request: HttpRequest) -> HttpResponse:
    """Take in the mails that a provider posts to us, once each and only with our token."""
    if request.method == "HEAD":
        return HttpResponse()
    body = request.read(MAX_MAIL + 1)
    if len(body) > MAX_MAIL:
        return HttpResponse(status=413)
    asked = CallbackRequest(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        url=f"{settings.PUBLIC_URL}{request.get_full_path()}",
        received_at=timezone.now(),
    )
    try:
        returned_mail.take_posted(request=asked, now=asked.received_at)
    except CallbackRefused:
        return HttpResponse(status=403)
    return HttpResponse("OK")


def _found(view: View) -> View:
    """Answer a token that is not ours, or a message that is gone, with a friendly page."""

    @wraps(view)
    def answer(request: HttpRequest, **where: Any) -> HttpResponse:
        try:
            response = view(request, **where)
        except _NOT_THERE:
            return _page(request, "lost.html", {}, status=404)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    sealed: View = csp(STRICT)(never_cache(answer))  # type: ignore[assignment]
    return sealed


@csrf_exempt
@csp_update(SCRIPTED)
@_found
@require_http_methods(["GET", "HEAD", "POST"])
def push(request: HttpRequest, *, token: str) -> HttpResponse:
    """Offer notifications in this browser on GET; take the browser's subscription on POST."""
    message_id = _read(links.PREFERENCES, token)
    customer_id = tracking.receiver(message_id=message_id)
    language = tracking.language(message_id=message_id)
    if request.method != "POST":
        return _page(request, "push.html", {"key": subscriptions.public_key()}, language)
    try:
        subscriptions.subscribe(
            customer_id=customer_id,
            told=request.body,
            proof={"message_id": message_id},
            now=timezone.now(),
        )
    except ValidationError as error:
        return JsonResponse({"error": " ".join(error.messages)}, status=400)
    return HttpResponse(status=204)


@require_safe
def push_worker(request: HttpRequest) -> HttpResponse:
    """The script that a browser runs when a push comes; it works for the whole site."""
    path = finders.find("crm/push-worker.js")
    answer = HttpResponse(Path(str(path)).read_bytes(), content_type="text/javascript")
    answer["Cache-Control"] = "max-age=3600"
    return answer


@_found
@require_safe
def clicked(request: HttpRequest, *, token: str, position: int) -> HttpResponse:
    """A link that leads nowhere: those that lead somewhere are answered before Django."""
    raise tracking.NotFound("The link leads nowhere.")


@_found
@require_safe
def viewed(request: HttpRequest, *, token: str) -> HttpResponse:
    """Show a message in the browser exactly as it was sent; to people, and to no crawler."""
    _for_people(request)
    message_id = _read(links.VIEW, token)
    message = Message.objects.filter(pk=message_id).select_related("template_version__template")
    if (found := message.first()) is None:
        raise tracking.NotFound("The message is not here any more.")
    shown = messages.show(message=found)
    if shown.html:
        response = HttpResponse(shown.html)
    else:
        response = HttpResponse(shown.text, content_type="text/plain; charset=utf-8")
    response["Content-Security-Policy"] = SEALED
    return response


@csrf_exempt
@_found
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, *, token: str) -> HttpResponse:
    """Ask on GET, unsubscribe on POST: by the button, or by a mail program's one click."""
    message_id = _read(links.UNSUBSCRIBE, token)
    customer_id = tracking.receiver(message_id=message_id)
    language = tracking.language(message_id=message_id)
    # Some programs end the body with a line break.
    one_click = request.POST.get("List-Unsubscribe", "").strip() == "One-Click"
    # A program that posts whatever it finds means nothing by it.
    if not one_click and not {"confirm", "everything"} & request.POST.keys():
        known = preferences.of_customer(customer_id=customer_id, now=timezone.now())
        return _page(request, "unsubscribe.html", {"known": known}, language)
    source = DecisionSource.ONE_CLICK if one_click else DecisionSource.PREFERENCES
    tracking.unsubscribe(message_id=message_id, source=source, now=timezone.now())
    if "everything" in request.POST:
        proof = {"message_id": message_id}
        preferences.leave(customer_id=customer_id, source=source, proof=proof, now=timezone.now())
    return _page(
        request, "unsubscribed.html", {"preferences_url": _preferences_url(message_id)}, language
    )


@csrf_exempt
@_found
@require_http_methods(["GET", "HEAD", "POST"])
def chosen(request: HttpRequest, *, token: str) -> HttpResponse:
    """The preference centre: what a customer allows, and what they choose."""
    _for_people(request)
    message_id = _read(links.PREFERENCES, token)
    customer_id = tracking.receiver(message_id=message_id)
    language = tracking.language(message_id=message_id)
    now = timezone.now()
    said = ""
    if request.method == "POST":
        with translation.override(normalise.spoken(language)):
            said = _choose(request, customer_id, message_id, now)
    known = preferences.of_customer(customer_id=customer_id, now=now)
    context = {
        "known": known,
        "said": said,
        "frequencies": preferences.FREQUENCIES,
        "modes": preferences.TRACKING,
        "push_url": reverse("push", args=[token]) if subscriptions.public_key() else "",
    }
    return _page(request, "preferences.html", context, language)


@csrf_exempt
@_found
@require_http_methods(["GET", "HEAD", "POST"])
def confirmed(request: HttpRequest, *, token: str) -> HttpResponse:
    """Ask on GET, confirm a sign-up on POST."""
    decision_id = _read(links.CONFIRM, token)
    now = timezone.now()
    if request.method == "POST":
        address = request.META.get("REMOTE_ADDR")
        asked = preferences.confirm(decision_id=decision_id, now=now, ip_address=address)
        return _page(request, "confirmed.html", {"asked": asked}, asked.language)
    asked = preferences.find(decision_id=decision_id, now=now)
    return _page(request, "confirm.html", {"asked": asked}, asked.language)


@csrf_exempt
@_found
@require_http_methods(["GET", "HEAD", "POST"])
def own_data(request: HttpRequest, *, token: str) -> HttpResponse:
    """Where somebody who asked for their data, or to be erased, goes on: nothing on GET."""
    request_id = _read(links.DATA, token)
    now = timezone.now()
    asked = privacy.find(request_id=request_id, now=now)
    language = asked.customer.language if asked.customer else ""
    if request.method != "POST":
        name = "own_data.html" if asked.kind == PrivacyKind.EXPORT else "erase.html"
        return _page(request, name, {"asked": asked}, language)
    if asked.kind == PrivacyKind.ERASURE:
        privacy.confirm(request_id=request_id, now=now)
        tasks.ring(tasks.erase_customers)
        return _page(request, "erased.html", {}, language)
    copy = privacy.hand_out(request_id=request_id, now=now)
    if "download" in request.POST:
        answer = JsonResponse(copy, json_dumps_params={"ensure_ascii": False, "indent": 1})
        answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return answer
    sections = privacy.sections(copy=copy)
    return _page(request, "own_data_shown.html", {"sections": sections}, language)


def _choose(request: HttpRequest, customer_id: int, message_id: int, now: datetime) -> str:
    """Do what one of the page's forms asks for, and say so."""
    if "pause" in request.POST:
        preferences.pause(customer_id=customer_id, now=now)
        return _("Done: we keep quiet for a while.")
    if "go_on" in request.POST:
        preferences.go_on(customer_id=customer_id, now=now)
        return _("Done: we write to you again.")
    if "data" in request.POST:
        return _ask_for_data(request.POST["data"], customer_id, message_id, now)
    if "leave" in request.POST:
        source, proof = DecisionSource.PREFERENCES, {"message_id": message_id}
        preferences.leave(customer_id=customer_id, source=source, proof=proof, now=now)
        return _("You are unsubscribed from everything.")
    preferences.choose(
        customer_id=customer_id,
        granted=request.POST.getlist("granted"),
        proof={"message_id": message_id},
        ip_address=request.META.get("REMOTE_ADDR"),
        now=now,
    )
    if (frequency := request.POST.get("frequency", "")) in preferences.FREQUENCIES:
        preferences.choose_frequency(customer_id=customer_id, frequency=frequency, now=now)
    if (mode := request.POST.get("tracking", "-")) in preferences.TRACKING:
        tracking.choose_mode(customer_id=customer_id, mode=mode, now=now)
    return _("Saved. It is in effect now.")


def _ask_for_data(kind: str, customer_id: int, message_id: int, now: datetime) -> str:
    """Send the link that proves whose data it is to the address that the message went to."""
    if kind not in PrivacyKind.values:
        return ""
    channel = tracking.channel(message_id=message_id)
    try:
        privacy.ask(
            kind=kind,
            customer_id=customer_id,
            source=DecisionSource.PREFERENCES,
            channel=channel,
            now=now,
        )
    except ValidationError as error:
        return " ".join(error.messages)
    tasks.ring(tasks.send_queued_messages)
    return _("We have sent a link to your address. Open it to go on.")


def _read(purpose: str, token: str) -> int:
    return links.unsign(purpose=purpose, token=token, keys=accounts.link_keys())


def _for_people(request: HttpRequest) -> None:
    """Pages that say who somebody is are not there for programs that collect pages."""
    if tracking.collects_pages(agent=request.headers.get("User-Agent", "")):
        raise tracking.NotFound("The page is for people.")


def _preferences_url(message_id: int) -> str:
    return messages.links(message_id=message_id).preferences_url


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], language: str = "", status: int = 200
) -> HttpResponse:
    """A public page in the customer's language, or in the browser's where that is unknown."""
    chosen = normalise.spoken(language) if language else translation.get_language() or "en"
    with translation.override(chosen):
        shop = variables.shop()
        page = render(request, f"public/{name}", {"shop": shop, **context}, status=status)
    page["Content-Language"] = chosen
    return page
