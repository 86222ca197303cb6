"""What every admin screen is made of: read-only ledgers, panels, cards and one-verb posts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Model
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin
from unfold.views import ChangeList


@dataclass(frozen=True)
class Panel:
    """A part of the customer page: a title, the template that draws it, what it draws."""

    title: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    is_wide: bool = False


def drawn(panel: Panel, request: HttpRequest) -> dict[str, Any]:
    """A panel with its HTML, as pages put it in place."""
    html = render_to_string(panel.template, dict(panel.context), request=request)
    return {"title": panel.title, "html": html, "is_wide": panel.is_wide}


@dataclass(frozen=True)
class Card:
    """A part of the dashboard."""

    title: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    is_wide: bool = False


@dataclass(frozen=True)
class OverrideRow:
    """One manual override of a customer, as the overrides tab lists it.

    `lift_url` takes a POST with `next`; it is empty where the override is not in force any more.
    """

    what: str
    reason: str
    set_by: str
    created_at: datetime
    expires_at: datetime | None = None
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lift_url: str = ""
    lift_fields: Mapping[str, str] = field(default_factory=dict)


class CountedOnce(ChangeList):
    """A list that counts its rows once: unfiltered, what it shows is all there is."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class LedgerAdmin(ModelAdmin):
    """Rows that are looked at, never edited, added or deleted by hand."""

    change_form_template = "admin/crm/ledger.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CountedOnce

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def post_once(
    request: HttpRequest, *, permission: str, back_to: str, call: Callable[[], object]
) -> HttpResponse:
    """Answer a POST that calls one operation: say what was done, or why not, and go back.

    What was merged, erased or deleted meanwhile is not found.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.has_perm(permission):
        raise PermissionDenied
    try:
        messages.success(request, str(call()))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except ObjectDoesNotExist as error:
        raise Http404 from error
    return HttpResponseRedirect(safe_address(request, fallback=back_to))


def staff_of(request: HttpRequest) -> AbstractBaseUser:
    """Who is at the screen, as operations take them."""
    if not isinstance(request.user, AbstractBaseUser):
        raise PermissionDenied
    return request.user


def safe_address(request: HttpRequest, *, fallback: str) -> str:
    """The page the form names in `next`, where that is one of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        return wanted
    return fallback
