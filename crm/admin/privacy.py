"""Privacy in the admin: what people asked for, how long things are kept, and who saw what."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from crm import audit, privacy, tasks
from crm.admin.customer_posts import read
from crm.admin.parts import LedgerAdmin, post_once, staff_of
from crm.admin.tags import badge, json_block, moment
from crm.admin.veiling import SEES_ALL, words_for
from crm.choices import AccessKind, DecisionSource, PrivacyKind, PrivacyState
from crm.models import AccessRecord, Customer, PrivacyRequest, RetentionRule

_COLOURS = {
    PrivacyState.RECEIVED: "",
    PrivacyState.CONFIRMED: "warn",
    PrivacyState.DONE: "good",
    PrivacyState.REFUSED: "bad",
}


class OrderForm(forms.Form):
    """What is asked for, and who it is typed again where it cannot be undone."""

    kind = forms.ChoiceField(choices=PrivacyKind.choices)
    typed = forms.CharField(required=False, max_length=320)


class RefuseForm(forms.Form):
    """Why not."""

    reason = forms.CharField(max_length=500)


@admin.register(PrivacyRequest)
class PrivacyRequestAdmin(LedgerAdmin):
    """Who asked for a copy or for erasure, until when it must be answered, and what was done."""

    change_form_template = "admin/crm/privacyrequest/page.html"
    list_display = ("asked", "standing", "whom", "source", "requested", "due", "done")
    list_filter = (("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("customer", "done_by")
    fields = (
        ("asked", "standing"),
        ("whom", "source"),
        ("requested", "due"),
        ("done", "done_by"),
        "refusal",
        "what_was_done",
    )

    def get_urls(self) -> list[URLPattern]:
        own = [("copy", self.copy_view), ("refuse", self.refuse_view)]
        urls = [
            path(
                f"<int:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"crm_privacyrequest_{name}",
            )
            for name, view in own
        ]
        order = path(
            "order/<int:customer_id>/",
            self.admin_site.admin_view(self.order_view),
            name="crm_privacyrequest_order",
        )
        return [order, *urls, *super().get_urls()]

    def order_view(self, request: HttpRequest, customer_id: int) -> HttpResponse:
        """Take down what a customer asked staff for; an erasure wants it typed whom."""

        def call() -> str:
            data = read(OrderForm, request)
            customer = get_object_or_404(Customer, pk=customer_id)
            if data["kind"] == PrivacyKind.ERASURE and _typed(data) != words_for(
                customer=customer, request=request
            ):
                raise ValidationError(gettext("Type it exactly as it is shown."))
            privacy.order(
                kind=data["kind"],
                customer_id=customer_id,
                by=staff_of(request),
                source=DecisionSource.STAFF,
                now=timezone.now(),
            )
            tasks.ring(tasks.erase_customers)
            return gettext("The request is taken down.")

        back_to = reverse("admin:crm_privacyrequest_changelist")
        return post_once(request, permission="crm.erase_customer", back_to=back_to, call=call)

    def copy_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The copy of somebody's data as a file, for whoever may see it."""
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        if not (request.user.has_perm(SEES_ALL) and request.user.has_perm("crm.export_customer")):
            return HttpResponse(status=403)
        now = timezone.now()
        asked = get_object_or_404(PrivacyRequest, pk=object_id, customer__isnull=False)
        access = audit.Access(AccessKind.EXPORTED, f"privacy/{object_id}", by=staff_of(request))
        audit.note(access=access, customer_ids=[asked.customer_id or 0], now=now)
        try:
            copy = privacy.hand_out(request_id=object_id, now=now)
        except privacy.NotOpen as error:
            return HttpResponse(str(error), status=409, content_type="text/plain")
        answer = JsonResponse(copy, json_dumps_params={"ensure_ascii": False, "indent": 1})
        answer["Content-Disposition"] = f'attachment; filename="data-{object_id}.json"'
        return answer

    def refuse_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Say no, and why."""

        def call() -> str:
            privacy.refuse(
                request_id=object_id,
                reason=read(RefuseForm, request)["reason"],
                by=staff_of(request),
                now=timezone.now(),
            )
            return gettext("The request is refused.")

        back_to = reverse("admin:crm_privacyrequest_change", args=[object_id])
        return post_once(request, permission="crm.erase_customer", back_to=back_to, call=call)

    @display(description=_("request"))
    def asked(self, row: PrivacyRequest) -> str:
        return str(row)

    @display(description=_("state"), ordering="state")
    def standing(self, row: PrivacyRequest) -> str:
        return badge(row.get_state_display(), _COLOURS[PrivacyState(row.state)])

    @display(description=_("customer"))
    def whom(self, row: PrivacyRequest) -> str:
        return str(row.customer) if row.customer else gettext("nobody any more")

    @display(description=_("requested at"), ordering="requested_at")
    def requested(self, row: PrivacyRequest) -> str:
        return moment(row.requested_at)

    @display(description=_("due at"), ordering="due_at")
    def due(self, row: PrivacyRequest) -> str:
        return moment(row.due_at)

    @display(description=_("done at"), ordering="done_at")
    def done(self, row: PrivacyRequest) -> str:
        return moment(row.done_at)

    @display(description=_("what was done"))
    def what_was_done(self, row: PrivacyRequest) -> str:
        return json_block(row.report) if row.report else "–"


def _typed(data: dict[str, Any]) -> str:
    return " ".join(str(data["typed"]).split())


@admin.register(RetentionRule)
class RetentionRuleAdmin(ModelAdmin):
    """How long each kind of thing is kept; the rules are a closed list."""

    list_display = ("what", "keep_days", "is_on", "last", "last_deleted")
    list_display_links = ("what",)
    fields = ("what", "keep_days", "is_on", ("last", "last_deleted"))
    readonly_fields = ("what", "last", "last_deleted")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("last run"), ordering="last_run_at")
    def last(self, row: RetentionRule) -> str:
        return moment(row.last_run_at)


@admin.register(AccessRecord)
class AccessRecordAdmin(LedgerAdmin):
    """Who saw, searched for, exported or changed what about whom."""

    list_display = ("when", "who", "kind", "whom", "where", "detail")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("staff",)
    search_fields = ("=customer_id", "staff__username", "program")
    search_help_text = _("Number of a customer, name of staff or of a key")
    fields = (("when", "who"), ("kind", "whom"), "where", "detail")

    @display(description=_("when"), ordering="happened_at")
    def when(self, row: AccessRecord) -> str:
        return moment(row.happened_at)

    @display(description=_("who"))
    def who(self, row: AccessRecord) -> str:
        return str(row.staff or row.program or "–")

    @display(description=_("customer"))
    def whom(self, row: AccessRecord) -> str:
        if not row.customer_id:
            return "–"
        address = reverse("admin:crm_customer_change", args=[row.customer_id])
        return format_html('<a class="rp-link" href="{}">#{}</a>', address, row.customer_id)
