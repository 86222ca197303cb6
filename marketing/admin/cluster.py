"""Customer clusters: their names, sizes and centres, and making a segment of one."""

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from crm.admin.parts import LedgerAdmin, post_once
from crm.tasks import ring
from marketing import segments, tasks
from marketing.choices import RunState, SegmentKind
from marketing.models import Cluster, Segment

from .cluster_centre import centre_rows
from .segment_page import address


@admin.register(Cluster)
class ClusterAdmin(LedgerAdmin):
    """Groups of like customers that were found, not made."""

    list_display = ["named", "share", "customers", "run"]
    list_filter = ["run__state"]
    list_select_related = ["run"]
    list_before_template = "admin/marketing/cluster_list_hint.html"
    change_form_template = "admin/marketing/cluster_page.html"
    fields = ["run", "size"]

    @display(description=gettext_lazy("cluster"))
    def named(self, obj: Cluster) -> str:
        return obj.name

    @display(description=gettext_lazy("share"))
    def share(self, obj: Cluster) -> SafeString:
        percent = 100 * obj.size / obj.run.rows if obj.run.rows else 0
        return format_html(
            '<div class="rp-mini"><span class="rp-meter" style="width:{}%"></span></div>',
            f"{percent:.0f}",
        )

    @display(description=gettext_lazy("customers"), ordering="size")
    def customers(self, obj: Cluster) -> str:
        return intcomma(obj.size)

    def get_queryset(self, request: HttpRequest):
        # What older runs found is history: only the run in use says something about customers.
        return super().get_queryset(request).filter(run__state=RunState.USED)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context=None
    ) -> HttpResponse:
        cluster = get_object_or_404(Cluster.objects.select_related("run"), pk=object_id)
        context = {
            **(extra_context or {}),
            "cluster": cluster,
            "title": cluster.name,
            "rows": centre_rows(cluster),
            "people": cluster.memberships.select_related("customer").order_by("distance")[:10],
            "segments": cluster.segments.all(),
            "may_add": request.user.has_perm("marketing.add_segment"),
        }
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        making = path(
            "<int:pk>/segment/",
            self.admin_site.admin_view(make_segment),
            name="marketing_cluster_segment",
        )
        return [making, *super().get_urls()]


def make_segment(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the cluster as a segment; the next training run leads it to the nearest new cluster."""
    cluster = get_object_or_404(Cluster, pk=pk)
    back_to = reverse("admin:marketing_cluster_change", args=[pk])
    made: list[Segment] = []

    def call() -> str:
        made.append(_segment_of(cluster))
        return _("The segment is made; after the next training run it follows the nearest cluster.")

    response = post_once(request, permission="marketing.add_segment", back_to=back_to, call=call)
    if made:
        ring(tasks.refresh_segment, made[0].pk)
        return HttpResponseRedirect(address(made[0].pk))
    return response


def _segment_of(cluster: Cluster) -> Segment:
    if Segment.objects.filter(name=cluster.name).exists():
        raise ValidationError(
            _("There is a segment called “%(name)s” already.") % {"name": cluster.name}
        )
    segment = Segment.objects.create(name=cluster.name, kind=SegmentKind.CLUSTER, cluster=cluster)
    segments.request_refresh(segment_id=segment.pk, now=timezone.now())
    return segment
