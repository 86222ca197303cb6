"""Webhooks: subscribers, their secrets, and what each was told."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from crm import tasks, webhooks
from crm.admin.parts import LedgerAdmin, post_once
from crm.admin.tags import badge, json_block, moment, translated
from crm.choices import WebhookState
from crm.models import Webhook, WebhookDelivery

_TONES = {WebhookState.DUE: "warn", WebhookState.DELIVERED: "good", WebhookState.FAILED: "bad"}


class WebhookForm(forms.ModelForm):
    """Where a subscriber listens and what it wants to hear."""

    url = forms.URLField(
        label=_("Address"),
        max_length=500,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget,
    )
    events = forms.CharField(
        label=_("Events"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Names or beginnings with commas between: order.placed, message.*, *"),
    )

    class Meta:
        model = Webhook
        fields = ("name", "url", "events", "tells_handles")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["events"] = ", ".join(self.instance.events)

    def clean_url(self) -> str:
        """An address inside is refused here, where it can still be mended."""
        url = str(self.cleaned_data["url"])
        try:
            webhooks.check_url(url=url)
        except ValidationError as error:
            raise ValidationError(error.messages) from error
        return url

    def clean_events(self) -> list[str]:
        """The names, one by one."""
        names = [name.strip() for name in self.cleaned_data["events"].split(",") if name.strip()]
        webhooks.check_events(events=names)
        return names


@admin.register(Webhook)
class WebhookAdmin(ModelAdmin):
    """The subscribers; a secret is shown once, when it is made."""

    form = WebhookForm
    list_display = ("name", "url", "wants", "standing", "created", "verbs")
    search_fields = ("name", "url")
    fields = ("name", "url", "events", "tells_handles")

    def get_urls(self) -> list[URLPattern]:
        verbs = {
            "test": self.test_view,
            "rotate": self.rotate_view,
            "stop": self.stop_view,
            "start": self.start_view,
        }
        own = [
            path(
                f"<int:object_id>/{verb}/",
                self.admin_site.admin_view(view),
                name=f"crm_webhook_{verb}",
            )
            for verb, view in verbs.items()
        ]
        return [*own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        facts = form.cleaned_data
        wanted = webhooks.NewWebhook(
            facts["name"], facts["url"], tuple(facts["events"]), facts["tells_handles"]
        )
        if change:
            webhooks.change(webhook_id=obj.pk, wanted=wanted)
            return
        made = webhooks.subscribe(new=wanted, now=timezone.now())
        obj.pk = made.webhook.pk
        _show_secret(request, made.secret)

    def test_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Tell a subscriber something harmless."""

        def call() -> str:
            webhooks.send_test(webhook_id=object_id, now=timezone.now())
            tasks.ring(tasks.deliver_webhooks)
            return gettext("A test is on its way; the deliveries show how it fares.")

        return self._post(request, call)

    def rotate_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give a subscriber a new secret."""

        def call() -> str:
            _show_secret(request, webhooks.rotate_secret(webhook_id=object_id, now=timezone.now()))
            return gettext("For a day the secret before signs beside it.")

        return self._post(request, call)

    def stop_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Tell a subscriber nothing more."""

        def call() -> str:
            webhooks.stop(webhook_id=object_id, reason=gettext_noop("Stopped by staff."))
            return gettext("The webhook is stopped.")

        return self._post(request, call)

    def start_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Tell a stopped subscriber again."""

        def call() -> str:
            webhooks.resume(webhook_id=object_id)
            tasks.ring(tasks.deliver_webhooks)
            return gettext("The webhook is started.")

        return self._post(request, call)

    def _post(self, request: HttpRequest, call: Any) -> HttpResponse:
        back_to = reverse("admin:crm_webhook_changelist")
        return post_once(request, permission="crm.change_webhook", back_to=back_to, call=call)

    @display(description=_("events"))
    def wants(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events)

    @display(description=_("state"))
    def standing(self, webhook: Webhook) -> str:
        if not webhook.is_active:
            return format_html(
                "{} {}", badge(_("Stopped"), "bad"), translated(webhook.stopped_because)
            )
        if webhook.failing_since_at:
            return badge(_("Failing"), "warn")
        return badge(_("Active"), "good")

    @display(description=_("since"), ordering="created_at")
    def created(self, webhook: Webhook) -> str:
        return moment(webhook.created_at)

    @display(description="")
    def verbs(self, webhook: Webhook) -> str:
        buttons = {"test": gettext("Test"), "rotate": gettext("New secret")}
        buttons |= {"stop": gettext("Stop")} if webhook.is_active else {"start": gettext("Start")}
        drawn = [
            _button(f"admin:crm_webhook_{verb}", webhook, told) for verb, told in buttons.items()
        ]
        return format_html("{} " * len(drawn), *drawn)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(LedgerAdmin):
    """What subscribers were told, with every try."""

    list_display = ("event_name", "webhook", "standing", "attempts", "created", "due", "again")
    list_filter = (("state", ChoicesDropdownFilter), "webhook")
    list_filter_submit = True
    list_select_related = ("webhook",)
    search_fields = ("=key", "=event_name")
    show_full_result_count = False
    fields = (
        ("event_name", "webhook"),
        ("key", "standing"),
        ("created", "due", "delivered"),
        "tries",
        "body",
    )

    def get_urls(self) -> list[URLPattern]:
        replay = path(
            "<int:object_id>/replay/",
            self.admin_site.admin_view(self.replay_view),
            name="crm_webhookdelivery_replay",
        )
        return [replay, *super().get_urls()]

    def replay_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Tell one thing again."""

        def call() -> str:
            webhooks.replay(delivery_id=object_id, now=timezone.now())
            tasks.ring(tasks.deliver_webhooks)
            return gettext("It is told again.")

        back_to = reverse("admin:crm_webhookdelivery_changelist")
        return post_once(request, permission="crm.change_webhook", back_to=back_to, call=call)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The body may name a person: it is shown to those who may see personal data."""
        shown = self.fields
        return shown if request.user.has_perm("crm.view_personal_data") else shown[:-1]

    @display(description=_("state"), ordering="state")
    def standing(self, row: WebhookDelivery) -> str:
        return badge(row.get_state_display(), _TONES[WebhookState(row.state)])

    @display(description=_("created at"), ordering="created_at")
    def created(self, row: WebhookDelivery) -> str:
        return moment(row.created_at)

    @display(description=_("next try"), ordering="due_at")
    def due(self, row: WebhookDelivery) -> str:
        return moment(row.due_at)

    @display(description=_("delivered at"))
    def delivered(self, row: WebhookDelivery) -> str:
        return moment(row.delivered_at)

    @display(description=_("tries so far"))
    def tries(self, row: WebhookDelivery) -> str:
        return json_block(row.log)

    @display(description=_("body"))
    def body(self, row: WebhookDelivery) -> str:
        return json_block(row.payload)

    @display(description="")
    def again(self, row: WebhookDelivery) -> str:
        if row.state == WebhookState.DUE:
            return ""
        return _button("admin:crm_webhookdelivery_replay", row, gettext("Replay"))


def _button(name: str, row: Model, told: str) -> str:
    return format_html(
        '<button type="submit" class="rp-button rp-button--small" formaction="{}">{}</button>',
        reverse(name, args=[row.pk]),
        told,
    )


def _show_secret(request: HttpRequest, secret: str) -> None:
    text = format_html(
        '{} <code class="rp-secret">{}</code>',
        gettext("Copy the secret now; it is not shown again:"),
        secret,
    )
    messages.warning(request, text)
