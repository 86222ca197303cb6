"""Fixed lists: a snapshot of another segment, or filled by a file, with a report of every row."""

import csv
import gzip
import io
import secrets
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import spreadsheets
from crm.admin.parts import post_once
from crm.imports.reading import UnusableFile
from crm.tasks import ring
from marketing import segments, tasks
from marketing.choices import RowFate, SegmentKind
from marketing.models import Segment
from marketing.segments import Row, lists

from .segment_page import address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A report holds addresses that are nobody's yet: it is kept so long, for whoever uploaded only.
REPORT_SECONDS = 3600
MOST_LETTERS = 150


def snapshot(request: HttpRequest, pk: int) -> HttpResponse:
    """Copy who is in a segment now into a fixed list under a name of its own."""
    name = request.POST.get("name", "").strip()
    made: list[Segment] = []

    def call() -> str:
        _check_name(name)
        made.append(segments.snapshot(segment_id=pk, name=name, now=timezone.now()))
        return _("Kept: this list stays as it is, whatever becomes of the segment.")

    response = post_once(
        request, permission="marketing.add_segment", back_to=address(pk), call=call
    )
    return HttpResponseRedirect(address(made[0].pk)) if made else response


@permission_required("marketing.change_segment", raise_exception=True)
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a file of people, or show where to put it and what became of the last one."""
    segment = get_object_or_404(Segment, pk=pk, kind=SegmentKind.LIST)
    error = ""
    if request.method == "POST":
        try:
            token = _take(request, segment)
        except UnusableFile as refused:
            error = str(refused)
        else:
            ring(tasks.refresh_segment, pk)
            here = reverse("admin:marketing_segment_upload", args=[pk])
            return HttpResponseRedirect(f"{here}?done={token}")
    token = request.GET.get("done", "")
    context = {
        **admin.site.each_context(request),
        "opts": Segment._meta,
        "title": _("Upload a list"),
        "original": segment,
        "segment": segment,
        "error": error,
        "done": cache.get(_key(request, segment, token, "done")) if token else None,
        "token": token,
        "most_megabytes": lists.MOST_MEGABYTES,
        "most_rows": lists.MOST_ROWS,
    }
    status = 400 if error else 200
    return render(request, "admin/marketing/segment_upload.html", context, status=status)


@permission_required("marketing.change_segment", raise_exception=True)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of every row of a file, as a table; gone after an hour."""
    segment = get_object_or_404(Segment, pk=pk)
    packed = cache.get(_key(request, segment, request.GET.get("done", ""), "report"))
    if packed is None:
        raise Http404(_("The report is not kept any more; upload the file again."))
    response = HttpResponse(gzip.decompress(packed), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="list-{segment.pk}-rows.csv"'
    return response


def _check_name(name: str) -> None:
    if not name:
        raise ValidationError(_("Give the list a name."))
    if len(name) > MOST_LETTERS:
        raise ValidationError(_("This name is too long."))
    if Segment.objects.filter(name=name).exists():
        raise ValidationError(_("There is a segment of that name already; choose another one."))


def _take(request: HttpRequest, segment: Segment) -> str:
    """Fill the list by the file that was sent; gives the token of what became of it."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise UnusableFile(_("Choose a file first."))
    if (file.size or 0) > lists.MOST_MEGABYTES << 20:
        raise UnusableFile(_("The file is larger than %s MB; split it.") % lists.MOST_MEGABYTES)
    with TemporaryDirectory() as folder, _reporting() as (packed, tell):
        path = Path(folder) / "file"
        with path.open("wb") as held:
            held.writelines(file.chunks())
        done = segments.upload(
            segment_id=segment.pk,
            path=path,
            filename=str(file.name),
            now=timezone.now(),
            tell=tell,
        )
    token = secrets.token_hex(8)
    kept = {**asdict(done), "filename": str(file.name)}
    cache.set(_key(request, segment, token, "done"), kept, REPORT_SECONDS)
    cache.set(_key(request, segment, token, "report"), packed.getvalue(), REPORT_SECONDS)
    return token


@contextmanager
def _reporting() -> "Iterator[tuple[io.BytesIO, Callable[[Row], None]]]":
    """A packed table, and what writes a row to it."""
    packed = io.BytesIO()
    words = {fate: str(fate.label) for fate in RowFate}
    with (
        gzip.open(packed, "wt", compresslevel=3, encoding="utf-8-sig", newline="") as text,
    ):
        table: Any = csv.writer(text)
        table.writerow([_("Line"), _("Value"), _("What became of it")])

        def tell(row: Row) -> None:
            table.writerow([row.line, spreadsheets.quote(row.text), words[row.fate]])

        yield packed, tell


def _key(request: HttpRequest, segment: Segment, token: str, what: str) -> str:
    """Only whoever uploaded finds it."""
    safe = "".join(filter(str.isalnum, token))[:32]
    return f"list:{segment.pk}:{request.user.pk}:{safe}:{what}"
