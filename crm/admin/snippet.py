"""Snippets: the list, the editor, what uses one, and publishing that again."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from crm import rendering, republishing, snippets, templates
from crm.admin import template_preview, veiling
from crm.admin.edited import EditedAdmin
from crm.admin.parts import post_once, staff_of
from crm.choices import Channel
from crm.models import Snippet, SnippetVersion

_PARTS = ("name", "html", "text")


@admin.register(Snippet)
class SnippetAdmin(EditedAdmin):
    """Shared pieces of templates; saving publishes a new version."""

    list_display = ("name", "version", "changed")

    def get_urls(self) -> list[URLPattern]:
        own = [
            ("preview/", preview, "crm_snippet_preview"),
            ("<int:object_id>/again/", self.again_view, "crm_snippet_again"),
            ("<int:object_id>/remove/", self.remove_view, "crm_snippet_remove"),
        ]
        urls = [
            path(route, self.admin_site.admin_view(view), name=name) for route, view, name in own
        ]
        return urls + super().get_urls()

    def again_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What publishing the templates again would change; a POST does it."""
        snippet = get_object_or_404(Snippet, pk=object_id)
        if request.method == "POST":
            chosen = [int(pk) for pk in request.POST.getlist("template") if pk.isdigit()]
            change = reverse("admin:crm_snippet_change", args=[object_id])
            return post_once(
                request,
                permission="crm.change_template",
                back_to=change,
                call=lambda: _publish_again(request, chosen),
            )
        if not self.has_view_permission(request) or not request.user.has_perm("crm.view_template"):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Publish again"),
            "opts": self.opts,
            "original": snippet,
            "snippet": snippet,
            "changes": republishing.plan(snippet_id=snippet.pk),
            "can_publish": request.user.has_perm("crm.change_template"),
        }
        return render(request, "admin/crm/snippet/again.html", context)

    def remove_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Delete what nothing uses."""

        def call() -> str:
            snippets.delete(snippet_id=object_id)
            return gettext("The snippet was deleted.")

        is_there = Snippet.objects.filter(pk=object_id).exists()
        answer = post_once(
            request,
            permission="crm.delete_snippet",
            back_to=reverse("admin:crm_snippet_change", args=[object_id]),
            call=call,
        )
        if is_there and not Snippet.objects.filter(pk=object_id).exists():
            return HttpResponseRedirect(reverse("admin:crm_snippet_changelist"))
        return answer

    def edit(self, request: HttpRequest, snippet: Snippet | None) -> HttpResponse:
        if request.method != "POST":
            return self._page(request, snippet, _draft_of(request, snippet))
        if not self.has_change_permission(request):
            raise PermissionDenied
        draft = {name: request.POST.get(name, "") for name in _PARTS}
        try:
            version = _publish(request, snippet, draft)
        except rendering.RenderError as error:
            messages.error(request, str(error))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            text = gettext(
                "Version %(number)s of “%(name)s” is what templates get from now on; those that "
                "were published stay as they are."
            )
            names = {"number": version.number, "name": version.snippet.name}
            messages.success(request, text % names)
            change = reverse("admin:crm_snippet_change", args=[version.snippet_id])
            return HttpResponseRedirect(change)
        # What was typed comes back, so that nothing is lost.
        with veiling.reading(request):
            return self._page(request, snippet, draft)

    def _page(
        self, request: HttpRequest, snippet: Snippet | None, draft: dict[str, str]
    ) -> HttpResponse:
        versions = SnippetVersion.objects.filter(snippet=snippet).select_related("created_by")
        latest = snippets.latest(snippet_id=snippet.pk) if snippet else None
        context = {
            **self.admin_site.each_context(request),
            "title": snippet or gettext("New snippet"),
            "opts": self.opts,
            "original": snippet,
            "snippet": snippet,
            "draft": draft,
            "versions": versions.order_by("-number")[:50] if snippet else [],
            "newest": latest,
            "uses": snippets.uses(snippet_id=snippet.pk) if snippet else None,
            "can_publish": self.has_change_permission(request),
            "person": template_preview.somebody(),
        }
        return render(request, "admin/crm/snippet/editor.html", context)


@require_POST
@veiling.reads
def preview(request: HttpRequest) -> HttpResponse:
    """What the snippet in the editor shows the chosen customer, by itself."""
    if not request.user.has_perm("crm.view_snippet"):
        raise PermissionDenied
    draft = {name: request.POST.get(name, "") for name in _PARTS}
    version = SnippetVersion(
        snippet=Snippet(name=draft["name"].strip()), html=draft["html"], text=draft["text"]
    )
    return template_preview.respond(
        request,
        Channel.EMAIL,
        lambda customer_id, now: templates.preview_snippet(
            version=version, customer_id=customer_id, now=now
        ),
    )


@transaction.atomic
def _publish(
    request: HttpRequest, snippet: Snippet | None, draft: dict[str, str]
) -> SnippetVersion:
    """Take over the editor's form: a new snippet, or a new version. A name stays as it is."""
    now = timezone.now()
    if snippet is None:
        snippet = Snippet(name=draft["name"].strip(), created_at=now)
        snippet.full_clean()
        snippet.save()
    return snippets.publish(
        snippet=snippet, html=draft["html"], text=draft["text"], by=staff_of(request), now=now
    )


def _publish_again(request: HttpRequest, chosen: list[int]) -> str:
    made = republishing.publish_again(template_ids=chosen, by=staff_of(request), now=timezone.now())
    text = ngettext(
        "%(count)d template was published again.",
        "%(count)d templates were published again.",
        len(made),
    )
    return text % {"count": len(made)}


def _draft_of(request: HttpRequest, snippet: Snippet | None) -> dict[str, str]:
    if snippet is None:
        return dict.fromkeys(_PARTS, "")
    number = request.GET.get("version", "")
    wanted = snippet.versions.filter(number=number) if number.isdigit() else None
    version = wanted.first() if wanted else snippets.latest(snippet_id=snippet.pk)
    return {
        "name": snippet.name,
        "html": version.html if version else "",
        "text": version.text if version else "",
    }
