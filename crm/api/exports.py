"""Exports: ask for a file, see how it stands, download it."""

from typing import Any

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import exports
from crm.api import access, fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.api.problems import Conflict
from crm.choices import ApiScope, ExportState
from crm.models import ExportRun


class NewExportSerializer(serializers.Serializer[Any]):
    """What shall leave, and in what form."""

    kind = fields.Word([(kind, kind) for kind in exports.KINDS])
    format = fields.Word([(form, form) for form in exports.FORMATS], required=False)
    columns = serializers.ListField(
        child=fields.Text(max_length=150), required=False, max_length=200
    )


class ExportSerializer(Plain):
    """An export."""

    class Meta:
        model = ExportRun
        fields = (
            "id",
            "kind",
            "state",
            "is_masked",
            "rows",
            "size",
            "error",
            "created_at",
            "finished_at",
            "expires_at",
        )


class Exports(Endpoint):
    """Exports."""

    model = ExportRun
    scope = ApiScope.MANAGE
    permissions = {"GET": "crm.view_exportrun", "POST": "crm.export_customer"}

    @extend_schema(
        request=NewExportSerializer,
        responses={201: ExportSerializer},
        examples=[OpenApiExample("Customers", {"kind": "customers"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Ask for a file; personal data is masked in it unless the caller may see it."""
        told = self.body(NewExportSerializer)
        wanted = exports.Request(
            told["kind"], told.get("format", "csv"), tuple(told.get("columns", ()))
        )
        for_whom = exports.ForWhom(
            staff_id=self.staff().pk if self.staff() else None,
            program=self.program(),
            is_masked=not access.sees_personal(request),
        )
        run = exports.start_for(request=wanted, for_whom=for_whom, now=timezone.now())
        return self.made(ExportSerializer, run, 201)

    @extend_schema(parameters=[Listed], responses={200: page_of(ExportSerializer, "Export")})
    def get(self, request: Request) -> Response:
        """List exports, the newest first."""
        return self.listed(ExportSerializer, ExportRun.objects.all(), self.asked(Listed))


class ExportDetail(Endpoint):
    """One export."""

    model = ExportRun
    scope = ApiScope.MANAGE

    @extend_schema(parameters=[Shown], responses={200: ExportSerializer})
    def get(self, request: Request, export_id: int) -> Response:
        """Show how an export stands."""
        return self.show(ExportSerializer, get_object_or_404(ExportRun, pk=export_id))


class ExportFile(Endpoint):
    """The file of an export."""

    model = ExportRun
    scope = ApiScope.MANAGE
    permissions = {"GET": "crm.export_customer"}

    @extend_schema(
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file")
        }
    )
    def get(self, request: Request, export_id: int) -> Any:
        """Download the file; an unmasked one needs the right to see personal data."""
        run = get_object_or_404(ExportRun, pk=export_id)
        if not run.is_masked and not access.sees_personal(request):
            self.permission_denied(request)
        if run.state != ExportState.FINISHED or not run.path:
            raise Conflict("The file is not there: it is not written yet, or not kept any more.")
        return FileResponse(
            exports.file_of(run=run).open("rb"),
            as_attachment=True,
            filename=exports.filename(run=run),
            content_type="application/octet-stream",
        )
