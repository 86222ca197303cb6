"""What the bot answers, and the replies that staff call up with “/”."""

from django.contrib import admin
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns.models import Answer, CannedReply


@admin.register(Answer)
class AnswerAdmin(ModelAdmin):
    """Answers by intent and language."""

    list_display = ["intent", "language_badge", "opening", "is_active"]
    list_filter = ["language", "is_active"]
    list_select_related = ["intent"]
    search_fields = ["text", "intent__name"]
    autocomplete_fields = ["intent"]
    list_before_template = "admin/campaigns/answer_list_hint.html"

    @display(description=_("language"), label=True, ordering="language")
    def language_badge(self, obj: Answer) -> str:
        return obj.get_language_display()

    @display(description=_("text"))
    def opening(self, obj: Answer) -> str:
        return Truncator(obj.text).chars(90)


@admin.register(CannedReply)
class CannedReplyAdmin(ModelAdmin):
    """Ready replies by shortcut."""

    list_display = ["slash", "opening"]
    search_fields = ["shortcut", "text"]

    @display(description=_("shortcut"), ordering="shortcut")
    def slash(self, obj: CannedReply) -> str:
        return str(obj)

    @display(description=_("text"))
    def opening(self, obj: CannedReply) -> str:
        return Truncator(obj.text).chars(120)
