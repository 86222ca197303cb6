"""Provider accounts: their order, how they stand, checks, tests, and the verbs on them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from crm import accounts, tasks
from crm.admin import account_form, account_light
from crm.admin.parts import post_once, staff_of
from crm.admin.tags import with_channel
from crm.channels.registry import PROVIDERS
from crm.models import AccountStanding, ProviderAccount

_CHANGE, _CHECK = "crm.change_provideraccount", "crm.check_provideraccount"
_LIST = "admin:crm_provideraccount_changelist"
TRIALS_SHOWN = 5


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ModelAdmin):
    """Who carries each channel, the first choice first; an account is stopped, never deleted."""

    list_display: tuple[str, ...] = ("name", "by", "light", "carries", "limit")
    list_select_related = ()
    list_before_template = "admin/crm/account/list_hint.html"
    change_form_outer_after_template = "admin/crm/account/standing.html"
    search_fields = ("name", "provider")
    ordering = ("channel", "priority", "name")

    def get_urls(self) -> list[URLPattern]:
        views: dict[str, Callable[..., HttpResponse]] = {
            "check": self.check_view,
            "test": self.test_view,
            "standing": self.standing_view,
            "stop": self.stop_view,
            "start": self.start_view,
            "up": self.up_view,
            "down": self.down_view,
        }
        own = [
            path(
                f"<int:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"crm_provideraccount_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The buttons that this person may press."""
        shown = self.list_display
        shown += ("place",) if request.user.has_perm(_CHANGE) else ()
        shown += ("asking",) if request.user.has_perm(_CHECK) else ()
        return shown + (("switch",) if request.user.has_perm(_CHANGE) else ())

    # --- The form ---

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        provider = request.GET.get("provider", "")
        if provider in PROVIDERS:
            label = accounts.label_of(provider=provider)
            titled = {"title": gettext("New account: %(provider)s") % {"provider": label}}
            return super().add_view(request, form_url, {**(extra_context or {}), **titled})
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("New provider account"),
            "opts": self.opts,
            "channels": list(account_form.channels()),
        }
        return render(request, "admin/crm/account/choose.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = get_object_or_404(ProviderAccount, pk=object_id)
        context = {**(extra_context or {}), **_standing_context(row)}
        return super().change_view(request, object_id, form_url, context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return super().get_form(request, obj, change, **kw)
        form = account_form.form_for(provider=_provider(request, obj), row=obj)
        return super().get_form(request, obj, change, **{**kw, "form": form, "fields": None})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        titles, provider = account_form.TITLES, _provider(request, obj)
        limits = ("lane", "per_second", "burst")
        names = account_form.own_names(provider, obj)
        own = tuple(name for name in names if name not in limits)
        who = accounts.label_of(provider=provider)
        parts = [(who, {"fields": own}), (titles["limits"], {"fields": limits})]
        # What an adapter asks for is a field of the form only, and shown to who may change it.
        if obj is None or self.has_change_permission(request, obj):
            told = account_form.told_names(provider, is_rare=False)
            parts.insert(1, (titles["access"], {"fields": told}))
            rare = account_form.told_names(provider, is_rare=True)
            folded = (titles["rare"], {"fields": rare, "classes": ("collapse",)})
            parts += [folded] if rare else []
        return parts

    def save_model(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> None:
        wanted = form.wanted()
        if change:
            accounts.change(account_id=obj.pk, wanted=wanted)
        else:
            obj.pk = accounts.keep(new=wanted, now=timezone.now()).pk
        accounts.ask(account_id=obj.pk, now=timezone.now())
        tasks.ring(tasks.look_after_accounts)

    # --- The verbs ---

    def check_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Have the provider asked whether the account works."""

        def call() -> str:
            accounts.ask(account_id=object_id, now=timezone.now())
            tasks.ring(tasks.look_after_accounts)
            return gettext("The provider is asked; the light follows in a moment.")

        return self._post(request, call, permission=_CHECK)

    def test_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Send a message that says it is a test."""

        def call() -> str:
            accounts.send_test(
                account_id=object_id,
                address=request.POST.get("address", ""),
                by=staff_of(request),
                now=timezone.now(),
            )
            tasks.ring(tasks.look_after_accounts)
            return gettext("The test is on its way; what becomes of it is shown below.")

        back_to = reverse("admin:crm_provideraccount_change", args=[object_id])
        return self._post(request, call, permission=_CHECK, back_to=back_to)

    def standing_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the part of the page that changes by itself."""
        row = get_object_or_404(ProviderAccount, pk=object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return render(request, "admin/crm/account/standing.html", _standing_context(row))

    def stop_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let it carry nothing more."""

        def call() -> str:
            accounts.stop(account_id=object_id)
            return gettext("The account carries nothing more.")

        return self._post(request, call)

    def start_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let it carry messages again."""

        def call() -> str:
            accounts.start(account_id=object_id)
            return gettext("The account carries messages again.")

        return self._post(request, call)

    def up_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let it go sooner."""
        return self._move(request, object_id, -1)

    def down_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Let it go later."""
        return self._move(request, object_id, 1)

    def _move(self, request: HttpRequest, object_id: int, places: int) -> HttpResponse:
        def call() -> str:
            accounts.move(account_id=object_id, places=places)
            return gettext("The order is changed.")

        return self._post(request, call)

    def _post(
        self,
        request: HttpRequest,
        call: Callable[[], str],
        *,
        permission: str = _CHANGE,
        back_to: str = "",
    ) -> HttpResponse:
        back_to = back_to or reverse(_LIST)
        return post_once(request, permission=permission, back_to=back_to, call=call)

    # --- The columns ---

    @display(description=_("provider"), ordering="provider")
    def by(self, row: ProviderAccount) -> SafeString:
        return with_channel(row.channel, accounts.label_of(provider=row.provider))

    @display(description=_("state"))
    def light(self, row: ProviderAccount) -> SafeString:
        # There are a few accounts, not many: a look for each does no harm.
        standing = AccountStanding.objects.filter(name=row.name).first()
        return account_light.of(row, standing, timezone.now())

    @display(description=_("carries"), ordering="lane")
    def carries(self, row: ProviderAccount) -> str:
        return row.get_lane_display()

    @display(description=_("limit"), ordering="per_second")
    def limit(self, row: ProviderAccount) -> str:
        if row.per_second is None:
            return gettext("none")
        return gettext("%(count)g a second") % {"count": row.per_second}

    @display(description=pgettext_lazy("of several", "order"), ordering="priority")
    def place(self, row: ProviderAccount) -> SafeString:
        sooner = _button("up", row, "↑", gettext("Sooner"))
        return format_html("{} {}", sooner, _button("down", row, "↓", gettext("Later")))

    @display(description="")
    def asking(self, row: ProviderAccount) -> SafeString:
        return _button("check", row, gettext("Check now"))

    @display(description="")
    def switch(self, row: ProviderAccount) -> SafeString:
        if row.is_active:
            return _button("stop", row, gettext("Stop"))
        return _button("start", row, gettext("Start"))


def _provider(request: HttpRequest, row: ProviderAccount | None) -> str:
    return row.provider if row else request.GET.get("provider", "")


def _standing_context(row: ProviderAccount) -> dict[str, Any]:
    standing = AccountStanding.objects.filter(name=row.name).first()
    trials = list(row.trials.select_related("by")[:TRIALS_SHOWN])
    is_asked = bool(standing and standing.check_wanted_at)
    return {
        "account": row,
        "standing": standing,
        "callback_url": accounts.callback_url(name=row.name),
        "light": account_light.of(row, standing, timezone.now()),
        "trials": [(one, account_light.of_trial(one)) for one in trials],
        "is_settling": is_asked or any(one.settled_at is None for one in trials),
    }


def _button(verb: str, row: ProviderAccount, told: str, label: str = "") -> SafeString:
    return format_html(
        '<button type="submit" class="rp-button rp-button--small" formaction="{}"'
        ' aria-label="{} {}" title="{}">{}</button>',
        reverse(f"admin:crm_provideraccount_{verb}", args=[row.pk]),
        label or told,
        row.name,
        label or told,
        told,
    )
