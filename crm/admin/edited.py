"""What is written in an editor of its own and published in versions: templates and snippets."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from crm.admin.tags import moment


class EditedAdmin(ModelAdmin):
    """The list with the newest versions, and `edit` in place of Django's forms.

    What was published stays: deleting, where there is any, has a button of its own.
    """

    search_fields = ("name",)

    def edit(self, request: HttpRequest, item: Any) -> HttpResponse:
        """The editor of an item, or of one to come; a POST publishes it."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.annotate(
            last_number=Max("versions__number"), last_at=Max("versions__created_at")
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self.edit(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.edit(request, get_object_or_404(self.model, pk=object_id))

    @display(description=_("version"), ordering="last_number")
    def version(self, item: Any) -> Any:
        """The number of the newest version."""
        return item.last_number or "–"

    @display(description=_("published"), ordering="last_at")
    def changed(self, item: Any) -> str:
        """When the newest version was published."""
        return moment(item.last_at)
