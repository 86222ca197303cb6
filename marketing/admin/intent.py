"""Intents: what customers ask for, by example phrases, and a box to try a sentence."""

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from marketing import understanding
from marketing.models import Intent


@admin.register(Intent)
class IntentAdmin(ModelAdmin):
    """Intents and their example phrases."""

    list_display = ["name", "code", "phrase_count", "seen", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "code", "phrases"]
    prepopulated_fields = {"code": ["name"]}
    list_before_template = "admin/marketing/intent_try.html"
    change_form_outer_before_template = "admin/marketing/intent_try.html"

    @display(description=_("phrases"))
    def phrase_count(self, obj: Intent) -> int:
        return sum(1 for line in obj.phrases.splitlines() if line.strip())

    @display(description=_("messages read so"), ordering="seen_count")
    def seen(self, obj: Intent) -> int:
        count: int = obj.seen_count  # type: ignore[attr-defined]
        return count

    def get_queryset(self, request: HttpRequest) -> QuerySet[Intent]:
        return super().get_queryset(request).annotate(seen_count=Count("insights"))

    def get_urls(self) -> list[URLPattern]:
        trying = path("try/", self.admin_site.admin_view(try_sentence), name="marketing_intent_try")
        return [trying, *super().get_urls()]


@permission_required("marketing.view_intent", raise_exception=True)
def try_sentence(request: HttpRequest) -> HttpResponse:
    """Read a sentence as the bot would, and say how surely."""
    text = request.GET.get("text", "").strip()
    reading = understanding.read_text(text=text) if text else None
    intent = (
        Intent.objects.filter(code=reading.intent_code).first()
        if reading and reading.intent_code
        else None
    )
    context = {
        "text": text,
        "reading": reading,
        "intent": intent,
        "percent": 100 * reading.confidence if reading else 0,
    }
    return render(request, "admin/marketing/intent_reading.html", context)
