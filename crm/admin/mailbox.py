"""Mailboxes: where bounces, complaints and answers are fetched from, and how reading them goes."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from crm import mailboxes, tasks
from crm.admin.parts import post_once
from crm.admin.tags import ago, badge
from crm.choices import Health
from crm.mail_choices import AfterTaking, MailProtocol, MailSecurity, ReturnedState
from crm.models import Mailbox

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_TONES = {Health.WELL: "good", Health.AILING: "bad"}
_ON_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def _secret(label: "StrOrPromise", hint: "StrOrPromise" = "") -> forms.CharField:
    kept = _("Kept encrypted and never shown. Empty: it stays as it is.")
    return forms.CharField(
        label=label,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=format_lazy("{} {}", hint, kept) if hint else kept,
    )


class MailboxForm(forms.ModelForm):
    """Where a mailbox is; secrets are written and never shown."""

    new_password = _secret(_("Password"))
    new_client_secret = _secret(_("Client secret"))
    new_refresh_token = _secret(
        _("Refresh token"), _("Never told: the application asks in its own name.")
    )

    class Meta:
        model = Mailbox
        fields = (
            "name",
            "protocol",
            "host",
            "port",
            "security",
            "user",
            "folder",
            "after",
            "moved_to",
            "every_seconds",
            "is_active",
            "token_url",
            "client_id",
            "scope",
        )

    def clean(self) -> dict[str, Any]:
        """What the protocol cannot do, and what would show the password to others, is refused."""
        facts = super().clean() or {}
        moves = facts.get("after") == AfterTaking.MOVE
        if moves and facts.get("protocol") == MailProtocol.POP3:
            raise ValidationError({"after": _("POP3 has no folders to move a mail to.")})
        if moves and not facts.get("moved_to"):
            raise ValidationError({"moved_to": _("Say which folder.")})
        if moves and facts.get("moved_to") == facts.get("folder"):
            raise ValidationError({"moved_to": _("Say another folder.")})
        if facts.get("token_url") and not facts.get("client_id"):
            raise ValidationError({"client_id": _("Say in whose name tokens are asked for.")})
        is_open = facts.get("security") == MailSecurity.NONE
        if is_open and facts.get("host") not in _ON_THIS_MACHINE:
            raise ValidationError(
                {"security": _("Without TLS the password could be read on the way.")}
            )
        if not self.errors:
            self._check_place(facts)
        return facts

    def _check_place(self, facts: dict[str, Any]) -> None:
        """What the operation would refuse is refused here, where it can still be mended."""
        told = {name: facts[name] for name in ("protocol", "host", "port", "security")}
        try:
            mailboxes.check_place(mailbox=Mailbox(**told))
        except ValidationError as error:
            raise ValidationError({"host": error.messages}) from error


@admin.register(Mailbox)
class MailboxAdmin(ModelAdmin):
    """The mailboxes with a light each; “read now” rings for the next visit."""

    form = MailboxForm
    list_display = ("name", "where", "light", "read", "aside", "verbs")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    ("protocol", "security"),
                    ("host", "port"),
                    ("user", "new_password"),
                    "folder",
                    ("after", "moved_to"),
                    ("every_seconds", "is_active"),
                )
            },
        ),
        (
            _("Signing in by a token (Google, Microsoft 365)"),
            {
                "classes": ("collapse",),
                "fields": (
                    "token_url",
                    ("client_id", "new_client_secret"),
                    ("scope", "new_refresh_token"),
                ),
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        read = path(
            "<int:object_id>/read/",
            self.admin_site.admin_view(self.read_view),
            name="crm_mailbox_read",
        )
        return [read, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        aside = Count("mails", filter=Q(mails__state=ReturnedState.PUT_ASIDE))
        return super().get_queryset(request).annotate(put_aside=aside)

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        secrets = {name: form.cleaned_data[f"new_{name}"] for name in mailboxes.SECRETS}
        mailboxes.keep(mailbox=obj, secrets=secrets, now=timezone.now())
        tasks.ring(tasks.read_mailboxes)

    def read_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Read a mailbox as soon as a worker is free."""

        def call() -> str:
            mailboxes.read_soon(mailbox_id=object_id, now=timezone.now())
            tasks.ring(tasks.read_mailboxes)
            return gettext("The mailbox is read at once; the light tells how it went.")

        back_to = reverse("admin:crm_mailbox_changelist")
        return post_once(request, permission="crm.change_mailbox", back_to=back_to, call=call)

    @display(description=_("mailbox"))
    def where(self, mailbox: Mailbox) -> str:
        return f"{mailbox.user} · {mailbox.get_protocol_display()} · {mailbox.host}"

    @display(description=_("health"), ordering="health")
    def light(self, mailbox: Mailbox) -> str:
        if not mailbox.is_active:
            return badge(_("Stopped"))
        tone = _TONES.get(Health(mailbox.health), "")
        return format_html(
            "{} {}", badge(mailbox.get_health_display(), tone), mailbox.health_detail
        )

    @display(description=_("read at"), ordering="read_at")
    def read(self, mailbox: Mailbox) -> str:
        return ago(mailbox.read_at)

    @display(description=_("put aside"))
    def aside(self, mailbox: Any) -> str:
        if not mailbox.put_aside:
            return "–"
        address = reverse("admin:crm_returnedmail_changelist")
        query = f"?state__exact={ReturnedState.PUT_ASIDE}&mailbox__id__exact={mailbox.pk}"
        return format_html('<a href="{}{}">{}</a>', address, query, mailbox.put_aside)

    @display(description="")
    def verbs(self, mailbox: Mailbox) -> str:
        return format_html(
            '<button type="submit" class="rp-button rp-button--small" formaction="{}">{}</button>',
            reverse("admin:crm_mailbox_read", args=[mailbox.pk]),
            gettext("Read now"),
        )
