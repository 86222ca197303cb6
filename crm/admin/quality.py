"""The data-quality page: what is wrong, how often, and the buttons that mend it or take it back."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm import quality, tasks
from crm.admin import pages
from crm.admin.parts import post_once, staff_of
from crm.choices import QualityCheck
from crm.models import Customer, DuplicateCandidate, QualityFinding, QualityRepair

PAGE = 50
REPAIRS_SHOWN = 8
_SEE, _MEND = "crm.view_customer", "crm.change_customer"
_ICONS = {
    QualityCheck.NO_ADDRESS: "contact_mail",
    QualityCheck.NO_COUNTRY: "public",
    QualityCheck.BAD_EMAIL: "unsubscribe",
    QualityCheck.TYPO_DOMAIN: "spellcheck",
    QualityCheck.BAD_PHONE: "phone_disabled",
    QualityCheck.BAD_NAME: "text_format",
    QualityCheck.BAD_ATTRIBUTE: "rule",
    QualityCheck.OUTLYING: "query_stats",
    QualityCheck.STALE: "hourglass_disabled",
}
# What the button of a check does with everything that can be mended.
_REPAIRS = {
    QualityCheck.NO_COUNTRY: gettext_lazy("Take the country of the phone number"),
    QualityCheck.BAD_EMAIL: gettext_lazy("Take the address away"),
    QualityCheck.TYPO_DOMAIN: gettext_lazy("Correct the domain"),
    QualityCheck.BAD_PHONE: gettext_lazy("Take the number away"),
    QualityCheck.BAD_NAME: gettext_lazy("Write the name properly"),
    QualityCheck.BAD_ATTRIBUTE: gettext_lazy("Turn it into the right type"),
    QualityCheck.STALE: gettext_lazy("Pause marketing for a year"),
}


def page(request: HttpRequest) -> HttpResponse:
    """Every check with its count, the latest repairs, and one check's findings."""
    _check_permission(request)
    shown = request.GET.get("check", "")
    context = {
        **admin.site.each_context(request),
        "title": _("Data quality"),
        "checks": _checks(),
        "duplicates": DuplicateCandidate.objects.filter(state="open").count(),
        "customers": Customer.objects.count(),
        "repairs": QualityRepair.objects.select_related("done_by", "undone_by")[:REPAIRS_SHOWN],
        "may_mend": request.user.has_perm(_MEND),
        **(_findings(request, shown) if shown else {}),
    }
    return render(request, "admin/crm/quality/page.html", context)


def look(request: HttpRequest) -> HttpResponse:
    """Look everything through again, in the background."""

    def call() -> str:
        tasks.ring(tasks.look_at_quality)
        return _("Everything is being looked through. Load the page again in a moment.")

    return _post(request, _SEE, call)


def mend(request: HttpRequest) -> HttpResponse:
    """Mend the chosen findings, or as many as one press may; or leave them as they are."""

    def call() -> str:
        check = request.POST.get("check", "")
        chosen = [int(pk) for pk in request.POST.getlist("finding") if pk.isdigit()]
        if "accept" in request.POST:
            count = quality.accept(finding_ids=chosen)
            return ngettext(
                "%(count)s finding is left as it is.",
                "%(count)s findings are left as they are.",
                count,
            ) % {"count": count}
        done = quality.repair(
            check=check,
            finding_ids=None if "all" in request.POST else chosen,
            by=staff_of(request),
            now=timezone.now(),
        )
        return _said(done)

    return _post(request, _MEND, call)


def take_back(request: HttpRequest, repair_id: int) -> HttpResponse:
    """Take a repair back."""

    def call() -> str:
        if not QualityRepair.objects.filter(pk=repair_id).exists():
            raise Http404
        count = quality.undo(repair_id=repair_id, by=staff_of(request), now=timezone.now())
        return ngettext(
            "%(count)s change is taken back.", "%(count)s changes are taken back.", count
        ) % {"count": count}

    return _post(request, _MEND, call)


def _checks() -> list[dict[str, Any]]:
    open_ones = Count("pk", filter=Q(is_accepted=False))
    counts = dict(
        QualityFinding.objects.order_by()
        .values_list("check_name")
        .annotate(count=open_ones)
        .values_list("check_name", "count")
    )
    return [
        {
            "name": check.value,
            "label": check.label,
            "icon": _ICONS[check],
            "count": counts.get(check.value, 0),
            "repair": _REPAIRS.get(check, ""),
        }
        for check in QualityCheck
    ]


def _findings(request: HttpRequest, shown: str) -> dict[str, Any]:
    if shown not in QualityCheck.values:
        raise Http404
    check = QualityCheck(shown)
    found = QualityFinding.objects.filter(check_name=check, is_accepted=False)
    listed = Paginator(found.select_related("customer").order_by("pk"), PAGE)
    page = listed.get_page(request.GET.get("page"))
    for finding in page.object_list:
        finding.words = _field_words(finding.field)  # type: ignore[attr-defined]
    return {"shown": check, "repair": _REPAIRS.get(check, ""), "page": page}


def _field_words(field: str) -> str:
    """A column by its name in words, an attribute by its own, an order by its number."""
    name = field.removeprefix("attributes.")
    if name != field or " " in field or not field:
        return name
    return str(capfirst(Customer._meta.get_field(field).verbose_name))  # type: ignore[union-attr]


def _said(done: quality.Repaired) -> str:
    parts = [
        ngettext("%(count)s is mended.", "%(count)s are mended.", done.done) % {"count": done.done}
    ]
    parts += [f"{count} × {why}" for why, count in done.left.items()]
    return " ".join(parts)


def _check_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(_SEE):
        raise PermissionDenied


def _post(request: HttpRequest, permission: str, call: Any) -> HttpResponse:
    return post_once(
        request, permission=permission, back_to=reverse("admin:crm_quality"), call=call
    )


pages.add("crm/quality/", page, name="crm_quality")
pages.add("crm/quality/look/", look, name="crm_quality_look")
pages.add("crm/quality/mend/", mend, name="crm_quality_mend")
pages.add("crm/quality/<int:repair_id>/undo/", take_back, name="crm_quality_undo")
