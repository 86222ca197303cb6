"""The page of a sending domain: its keys, what DNS says, and what is to be published."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from crm import domains, tasks
from crm.admin import domain_words
from crm.admin.parts import post_once
from crm.admin.tags import badge
from crm.domains import Finding, Light
from crm.domains.keys import STAYS_PUBLISHED
from crm.mail_choices import SigningAlgorithm, SigningKeyState
from crm.models import SendingDomain, SigningKey

_CHECK, _KEYS = "crm.change_sendingdomain", "crm.manage_signingkey"
_TEMPLATE = "admin/crm/sendingdomain/standing.html"
_ORDER = (Light.GOOD, Light.WAITS, Light.WARN, Light.BAD)
_TONES = {
    SigningKeyState.ACTIVE: "good",
    SigningKeyState.PUBLISHED: "accent",
    SigningKeyState.PLANNED: "warn",
}


class DomainPage:
    """What the admin of sending domains shows below its form, and the verbs there."""

    change_form_outer_after_template = _TEMPLATE
    admin_site: Any
    has_view_permission: Callable[..., bool]

    def get_urls(self) -> list[URLPattern]:
        views: dict[str, Callable[..., HttpResponse]] = {
            "check": self.check_view,
            "standing": self.standing_view,
            "generate": self.generate_view,
            "rotate": self.rotate_view,
            "activate": self.activate_view,
            "retire": self.retire_view,
        }
        own = [
            path(
                f"<int:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"crm_sendingdomain_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = get_object_or_404(SendingDomain, pk=object_id)
        context = {**(extra_context or {}), **_context(row)}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[misc]

    def save_model(self, request: HttpRequest, obj: SendingDomain, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        if not change:
            domains.ask(domain_id=obj.pk, now=timezone.now())
            tasks.ring(tasks.look_after_domains)

    def check_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Have DNS asked."""

        def call() -> str:
            _ask(object_id)
            return gettext("DNS is asked; what it says follows in a moment.")

        return _post(request, object_id, call, permission=_CHECK)

    def standing_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the part of the page that changes by itself."""
        row = get_object_or_404(SendingDomain, pk=object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return render(request, _TEMPLATE, _context(row))

    def generate_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Make a key of a kind."""

        def call() -> str:
            algorithm = request.POST.get("algorithm", "")
            if algorithm not in SigningAlgorithm.values:
                raise PermissionDenied
            domains.generate(domain_id=object_id, algorithm=algorithm, now=timezone.now())
            _ask(object_id)
            return gettext("The key is made. Publish its record; then it can be used.")

        return _post(request, object_id, call)

    def rotate_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Make successors for the keys that sign."""

        def call() -> str:
            domains.rotate(domain_id=object_id, now=timezone.now())
            _ask(object_id)
            return gettext(
                "The new keys are made. Publish their records: they take over once seen."
            )

        return _post(request, object_id, call)

    def activate_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Sign with a key."""

        def call() -> str:
            domains.activate(key_id=_key(request, object_id), now=timezone.now())
            _ask(object_id)
            return gettext("Mails are signed with this key from now on.")

        return _post(request, object_id, call)

    def retire_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Sign with a key no more."""

        def call() -> str:
            domains.retire(key_id=_key(request, object_id), now=timezone.now())
            _ask(object_id)
            return gettext("The key signs nothing any more. Leave its record for another 7 days.")

        return _post(request, object_id, call)

    @display(description=_("state"))
    def light(self, row: SendingDomain) -> SafeString:
        # There are a few domains, not many: a look for each does no harm.
        standing, found = domains.standing_of(domain=row)
        if standing is None or not found:
            return badge(gettext("Not checked yet"), "", "circle")
        return _light(found)


def _light(found: list[Finding]) -> SafeString:
    """The worst of what was found."""
    worst = max((Light(one.light) for one in found), key=_ORDER.index)
    count = sum(one.light == worst for one in found)
    if worst == Light.BAD:
        return badge(gettext("%(count)d wrong") % {"count": count}, worst, "circle")
    if worst == Light.GOOD:
        return badge(gettext("All is right"), worst, "circle")
    return badge(gettext("%(count)d to look at") % {"count": count}, worst, "circle")


def _context(row: SendingDomain) -> dict[str, Any]:
    standing, found = domains.standing_of(domain=row)
    parts = [
        (title, [(one, domain_words.words(one)) for one in found if one.about == about])
        for about, title in domain_words.TITLES.items()
    ]
    keys = list(row.signing_keys.order_by("-pk"))
    return {
        "sending_domain": row,
        "standing": standing,
        "parts": [(title, lines) for title, lines in parts if lines],
        "signing_keys": [_shown(key) for key in keys],
        "signs": any(key.state == SigningKeyState.ACTIVE for key in keys),
        "algorithms": SigningAlgorithm.choices,
        "is_settling": bool(standing and standing.check_wanted_at),
    }


def _shown(key: SigningKey) -> dict[str, Any]:
    ends_at = key.retired_at + STAYS_PUBLISHED if key.retired_at and key.activated_at else None
    return {
        "key": key,
        "mark": badge(key.get_state_display(), _TONES.get(SigningKeyState(key.state), "")),
        "ends_at": ends_at if ends_at and ends_at > timezone.now() else None,
        "may_be_used": key.state == SigningKeyState.PUBLISHED,
        "may_be_retired": key.state != SigningKeyState.RETIRED,
    }


def _key(request: HttpRequest, domain_id: int) -> int:
    """The key that the form names, if it is one of this domain."""
    named = request.POST.get("key", "")
    found = SigningKey.objects.filter(domain_id=domain_id)
    return found.get(pk=int(named) if named.isdecimal() else 0).pk


def _ask(domain_id: int) -> None:
    domains.ask(domain_id=domain_id, now=timezone.now())
    tasks.ring(tasks.look_after_domains)


def _post(
    request: HttpRequest, object_id: int, call: Callable[[], str], *, permission: str = _KEYS
) -> HttpResponse:
    back_to = reverse("admin:crm_sendingdomain_change", args=[object_id])
    return post_once(request, permission=permission, back_to=back_to, call=call)
