"""API keys: made here, shown once, revoked here."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from crm import keys
from crm.admin.parts import post_once
from crm.admin.tags import badge, moment
from crm.choices import ApiScope
from crm.models import ApiKey


class ApiKeyForm(forms.ModelForm):
    """What a new key is called, may do, and until when."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=ApiScope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "rate", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """The keys by which shops and other programs call the API."""

    form = ApiKeyForm
    list_display = ("name", "may", "rate", "standing", "created", "used", "revoking")
    list_display_links = None
    fieldsets = ((None, {"fields": ("name", "scopes", "rate", "expires_at")}),)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        revoke = path(
            "<int:object_id>/revoke/",
            self.admin_site.admin_view(self.revoke_view),
            name="crm_apikey_revoke",
        )
        return [revoke, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        made = keys.create(
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.cleaned_data["expires_at"],
            rate=form.cleaned_data["rate"],
            now=timezone.now(),
        )
        obj.pk = made.key.pk
        text = format_html(
            '{} <code class="rp-secret">{}</code>',
            gettext("Copy the key now; it is not shown again:"),
            made.secret,
        )
        messages.warning(request, text)
        if ApiScope.TRACK in made.key.scopes:
            tag = (
                f'<script async src="{settings.PUBLIC_URL}/t.js" data-key="{made.secret}"></script>'
            )
            words = gettext("For the pages of the shop; it stores nothing before consent:")
            messages.info(request, format_html('{} <code class="rp-secret">{}</code>', words, tag))

    def revoke_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let a key open nothing any more."""

        def call() -> str:
            if not keys.revoke(key_id=object_id, now=timezone.now()):
                raise ValidationError(gettext("The key was revoked before."))
            return gettext("The key is revoked.")

        back_to = reverse("admin:crm_apikey_changelist")
        return post_once(request, permission="crm.add_apikey", back_to=back_to, call=call)

    @display(description=_("may"))
    def may(self, key: ApiKey) -> str:
        return ", ".join(str(ApiScope(scope).label) for scope in key.scopes)

    @display(description=_("state"))
    def standing(self, key: ApiKey) -> str:
        if key.revoked_at:
            return badge(_("Revoked"), "bad")
        if key.expires_at and key.expires_at <= timezone.now():
            return badge(_("Expired"), "warn")
        return badge(_("Valid"), "good")

    @display(description=_("created at"), ordering="created_at")
    def created(self, key: ApiKey) -> str:
        return moment(key.created_at)

    @display(description=_("last used"), ordering="last_used_at")
    def used(self, key: ApiKey) -> str:
        return moment(key.last_used_at)

    @display(description="")
    def revoking(self, key: ApiKey) -> str:
        if key.revoked_at:
            return ""
        return format_html(
            '<button type="submit" class="rp-button rp-button--small" formaction="{}">{}</button>',
            reverse("admin:crm_apikey_revoke", args=[key.pk]),
            gettext("Revoke"),
        )
