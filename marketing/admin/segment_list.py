"""The list of segments: how each stands, told for the whole page at once."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from marketing import segments
from marketing.models import Segment

from . import segment_standing
from .segment_standing import STATES


class SegmentChangeList(ChangeList):
    """Segments with their standing, and those of all that fail."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        now = timezone.now()
        shown: list[Any] = list(self.result_list)  # type: ignore[has-type]
        fresh = segments.freshness(now=now, segment_ids=[segment.pk for segment in shown])
        for segment in shown:
            segment.standing = segment_standing.read(segment, fresh[segment.pk], now)
        self.result_list = shown
        self.failing = list(Segment.objects.exclude(error="").order_by("failing_since_at"))


class StateFilter(admin.SimpleListFilter):
    """Segments by how they stand."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, Any]]:
        """The states that there are."""
        for state, (words, _tone, _icon) in STATES.items():
            yield state, words

    def queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> QuerySet[Segment]:
        """Those of the chosen state."""
        wanted = self.value()
        if wanted not in STATES:
            return queryset
        if wanted == "failing":
            return queryset.exclude(error="")
        found = segments.freshness(now=timezone.now())
        return queryset.filter(pk__in=[pk for pk, one in found.items() if one.state == wanted])
