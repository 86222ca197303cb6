"""Templates: the list, the editor with its live preview, and the versions that were published."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from crm import rendering, template_trials, templates
from crm.admin import starters, template_preview, template_trial, veiling
from crm.admin.edited import EditedAdmin
from crm.admin.parts import LedgerAdmin, post_once, staff_of
from crm.admin.tags import moment
from crm.choices import Channel
from crm.models import Snippet, SnippetUse, Template, TemplateVersion, TrackedLink
from crm.tracking_choices import TrackingMode


@admin.register(Template)
class TemplateAdmin(EditedAdmin):
    """What campaigns and staff send; saving publishes a new version."""

    list_display = ("name", "channel", "version", "changed")
    list_filter = (("channel", ChoicesDropdownFilter),)
    list_filter_submit = True

    def get_urls(self) -> list[URLPattern]:
        own = [
            ("preview/", template_preview.preview, "crm_template_preview"),
            ("people/", template_preview.people, "crm_template_people"),
            ("test/", template_trial.send, "crm_template_test"),
            ("test/<str:token>/", template_trial.standing, "crm_template_standing"),
        ]
        urls = [
            path(route, self.admin_site.admin_view(view), name=name) for route, view, name in own
        ]
        return urls + super().get_urls()

    def edit(self, request: HttpRequest, template: Template | None) -> HttpResponse:
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            return self._save(request, template)
        return self._page(request, template, _draft_of(request, template))

    def _save(self, request: HttpRequest, template: Template | None) -> HttpResponse:
        draft = {name: request.POST.get(name, "") for name in template_preview.PARTS}
        draft["tracking"] = request.POST.get("tracking", template.tracking if template else "")
        try:
            version = publish(request, template, draft)
        except rendering.RenderError as error:
            messages.error(request, str(error))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            text = gettext("Version %(number)s of “%(name)s” is what goes out now.")
            names = {"number": version.number, "name": version.template.name}
            messages.success(request, text % names)
            change = reverse("admin:crm_template_change", args=[version.template_id])
            return HttpResponseRedirect(change)
        # What was typed comes back, so that nothing is lost.
        with veiling.reading(request):
            return self._page(request, template, draft)

    def _page(
        self, request: HttpRequest, template: Template | None, draft: dict[str, str]
    ) -> HttpResponse:
        versions = TemplateVersion.objects.filter(template=template).select_related("created_by")
        context = {
            **self.admin_site.each_context(request),
            "title": template or gettext("New template"),
            "opts": self.opts,
            "original": template,
            "template": template,
            "draft": draft,
            "channels": Channel.choices,
            "modes": TrackingMode.choices,
            "versions": versions.order_by("-number")[:50] if template else [],
            "newest": templates.latest(template_id=template.pk) if template else None,
            "can_publish": self.has_change_permission(request),
            "person": template_preview.somebody(),
            "testable": [
                channel
                for channel in template_trials.CHANNELS
                if template_trial.may_send(request, channel)
            ],
            "snippets": Snippet.objects.values_list("name", flat=True),
            "starters": [] if template else starters.every(),
            "starter": request.GET.get("starter", ""),
        }
        return render(request, "admin/crm/template/editor.html", context)


class TrackedLinkInline(TabularInline):
    """The links of a version, as they are tracked."""

    model = TrackedLink
    extra = 0
    fields = readonly_fields = ("position", "url")


class SnippetUseInline(TabularInline):
    """The versions of snippets that were put into a version."""

    model = SnippetUse
    extra = 0
    fields = readonly_fields = ("snippet_version",)


@admin.register(TemplateVersion)
class TemplateVersionAdmin(LedgerAdmin):
    """What a template said at one time; a version is never changed."""

    list_display = ("__str__", "created_by", "created")
    list_select_related = ("template", "created_by")
    search_fields = ("template__name",)
    inlines = (TrackedLinkInline, SnippetUseInline)
    change_form_outer_before_template = "admin/crm/template/withdraw.html"
    fields = (("template", "number", "kind"), ("created_by", "created"), "subject", "html", "text")

    def get_urls(self) -> list[URLPattern]:
        withdraw = path(
            "<int:object_id>/withdraw/",
            self.admin_site.admin_view(self.withdraw_view),
            name="crm_templateversion_withdraw",
        )
        return [withdraw, *super().get_urls()]

    def withdraw_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Send nothing with a version any more."""

        def call() -> str:
            templates.withdraw(
                version_id=object_id,
                reason=request.POST.get("reason", ""),
                by=staff_of(request),
                now=timezone.now(),
            )
            return gettext("Withdrawn: nothing is sent with this version any more.")

        back_to = reverse("admin:crm_templateversion_change", args=[object_id])
        return post_once(request, permission="crm.change_template", back_to=back_to, call=call)

    @display(description=_("created at"), ordering="created_at")
    def created(self, version: TemplateVersion) -> str:
        return moment(version.created_at)


@transaction.atomic
def publish(
    request: HttpRequest, template: Template | None, draft: dict[str, str]
) -> TemplateVersion:
    """Take over name and content of the editor's form: a new template, or a new version."""
    now = timezone.now()
    if template is None:
        template = Template(channel=draft["channel"], created_at=now)
    template.name = draft["name"].strip()
    template.tracking = draft["tracking"]
    template.full_clean()
    content = {name: draft[name] for name in ("subject", "html", "text")}
    templates.check_variables(channel=template.channel, **content)
    template.save()
    return templates.publish(
        template=template,
        **content,
        by=staff_of(request),
        now=now,
    )


def _beginning(request: HttpRequest) -> dict[str, str]:
    starter = starters.find(request.GET.get("starter", ""))
    if starter is None:
        empty = dict.fromkeys((*template_preview.PARTS, "tracking"), "")
        return {**empty, "channel": Channel.EMAIL}
    return {
        "name": "",
        "tracking": "",
        "channel": starter.channel,
        "subject": starter.subject,
        "html": starter.html,
        "text": starter.text,
    }


def _draft_of(request: HttpRequest, template: Template | None) -> dict[str, str]:
    if template is None:
        return _beginning(request)
    number = request.GET.get("version", "")
    wanted = template.versions.filter(number=number) if number.isdigit() else None
    version = wanted.first() if wanted else templates.latest(template_id=template.pk)
    return {
        "name": template.name,
        "tracking": template.tracking,
        "channel": template.channel,
        "subject": version.subject if version else "",
        "html": version.html if version else "",
        "text": version.text if version else "",
    }
