"""Imports of customers: upload a file, say how it is read, run and pause it, see what was left."""

from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from crm import imports
from crm.api import access, fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.api.problems import Unusable
from crm.choices import ApiScope, DecisionSource
from crm.imports import mapping, rejects
from crm.models import ImportRun

_MAX_UPLOAD = 1 << 30


class Upload(serializers.FileField):
    """A file with a name; a form's plain text is none."""

    def to_internal_value(self, data: Any) -> Any:
        """Say what is missing where the form sends the file as a text."""
        if isinstance(data, str):
            raise Unusable("Send the file with a filename, as forms do.")
        return super().to_internal_value(data)


class UploadSerializer(serializers.Serializer[Any]):
    """A file: CSV, TSV, XLSX or JSONL, zipped or not."""

    file = Upload(allow_empty_file=True, max_length=None)


class ColumnSerializer(serializers.Serializer[Any]):
    """A column of the file and where it goes."""

    heading = fields.Optional(max_length=300)
    target = fields.Optional(
        max_length=120, help_text="A field such as email, or attributes.<name>; empty: left out"
    )
    type = fields.Word([(kind, kind) for kind in mapping.TYPES], required=False)


class OptionsSerializer(serializers.Serializer[Any]):
    """What the file does not say itself."""

    default_country = fields.Optional(max_length=2)
    date_order = fields.Word([(order, order) for order in ("dmy", "mdy")], required=False)
    existing = fields.Word(
        [(word, word) for word in (mapping.UPDATE, mapping.FILL, mapping.SKIP)], required=False
    )
    consent_source = fields.Word(DecisionSource.choices, required=False)
    consent_at = fields.Moment(required=False)


class PlanSerializer(serializers.Serializer[Any]):
    """How a file is read."""

    columns = fields.Batch(child=ColumnSerializer(), max_length=500)
    options = OptionsSerializer(required=False)


class SettledSerializer(serializers.Serializer[Any]):
    """What is still to be decided before the import can start."""

    problems = serializers.ListField(child=serializers.CharField())


class ImportSerializer(Plain):
    """An import and how far it is."""

    mapping = fields.PlainJSONField(read_only=True)
    options = fields.PlainJSONField(read_only=True)

    class Meta:
        model = ImportRun
        fields = (
            "id",
            "kind",
            "filename",
            "state",
            "mapping",
            "options",
            "rows",
            "rows_done",
            "created",
            "updated",
            "rejected",
            "error",
            "started_at",
            "finished_at",
        )


class _Managed(Endpoint):
    model = ImportRun
    scope = ApiScope.MANAGE

    def run(self, import_id: int) -> ImportRun:
        """The import of an address."""
        return get_object_or_404(ImportRun, pk=import_id, kind=imports.KIND)


class Imports(_Managed):
    """Imports of customers."""

    parser_classes = (MultiPartParser,)
    max_body = _MAX_UPLOAD

    @extend_schema(
        request={"multipart/form-data": UploadSerializer}, responses={201: ImportSerializer}
    )
    def post(self, request: Request) -> Response:
        """Upload a file; the answer shows how its columns were guessed."""
        file = self.body(UploadSerializer)["file"]
        try:
            run = imports.receive(
                chunks=file.chunks(), filename=file.name, by=self.staff(), now=timezone.now()
            )
        except imports.UnusableFile as error:
            raise Unusable(str(error)) from error
        return self.made(ImportSerializer, run, 201)

    @extend_schema(parameters=[Listed], responses={200: page_of(ImportSerializer, "Import")})
    def get(self, request: Request) -> Response:
        """List imports of customers, the newest first."""
        found = ImportRun.objects.filter(kind=imports.KIND)
        return self.listed(ImportSerializer, found, self.asked(Listed))


_PLAN = {
    "columns": [{"heading": "E-mail", "target": "email"}],
    "options": {"default_country": "GB", "existing": "update"},
}


class ImportDetail(_Managed):
    """One import."""

    @extend_schema(parameters=[Shown], responses={200: ImportSerializer})
    def get(self, request: Request, import_id: int) -> Response:
        """Show an import and how far it is."""
        return self.show(ImportSerializer, self.run(import_id))

    @extend_schema(
        request=PlanSerializer,
        responses={200: SettledSerializer},
        examples=[OpenApiExample("One column", _PLAN, request_only=True)],
    )
    def put(self, request: Request, import_id: int) -> Response:
        """Say how the file is read; a column for each of the file's, in its order."""
        told = self.body(PlanSerializer)
        run = self.run(import_id)
        if len(told["columns"]) != len(run.mapping.get("columns", ())):
            raise Unusable("Name a column for each of the file's, in its order.")
        problems = imports.settle(run_id=run.pk, plan=_plan(told))
        return Response({"problems": [str(problem) for problem in problems]})


class _Verb(_Managed):
    permissions = {"POST": "crm.add_importrun"}

    def done(self, import_id: int) -> Response:
        """The import as it stands now."""
        return self.made(ImportSerializer, self.run(import_id), 200)


class ImportCheck(_Verb):
    """Checking an import."""

    @extend_schema(request=None, responses={200: ImportSerializer})
    def post(self, request: Request, import_id: int) -> Response:
        """Let a worker count what would become of every row."""
        imports.check(run_id=self.run(import_id).pk)
        return self.done(import_id)


class ImportStart(_Verb):
    """Starting an import."""

    @extend_schema(request=None, responses={200: ImportSerializer})
    def post(self, request: Request, import_id: int) -> Response:
        """Let a worker take the rows in."""
        imports.start(run_id=self.run(import_id).pk)
        return self.done(import_id)


class ImportPause(_Verb):
    """Pausing an import."""

    @extend_schema(request=None, responses={200: ImportSerializer})
    def post(self, request: Request, import_id: int) -> Response:
        """Stop after the rows that are in."""
        imports.pause(run_id=self.run(import_id).pk)
        return self.done(import_id)


class ImportResume(_Verb):
    """Resuming an import."""

    @extend_schema(request=None, responses={200: ImportSerializer})
    def post(self, request: Request, import_id: int) -> Response:
        """Go on behind the last row that is in."""
        imports.resume(run_id=self.run(import_id).pk)
        return self.done(import_id)


class ImportCancel(_Verb):
    """Cancelling an import."""

    @extend_schema(request=None, responses={200: ImportSerializer})
    def post(self, request: Request, import_id: int) -> Response:
        """Stop for good; the rows that are in stay in."""
        imports.cancel(run_id=self.run(import_id).pk, now=timezone.now())
        return self.done(import_id)


class ImportRejected(_Managed):
    """The rows that could not be taken in."""

    @extend_schema(
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY, "The rows, with the reason")
        }
    )
    def get(self, request: Request, import_id: int) -> Any:
        """Download the rejected rows with the reason beside each; they are personal data."""
        run = self.run(import_id)
        if not access.sees_personal(request):
            self.permission_denied(request)
        return StreamingHttpResponse(rejects.as_csv(run=run), content_type="text/csv")


def _plan(told: dict[str, Any]) -> imports.Plan:
    options = dict(told.get("options", {}))
    if "consent_at" in options:
        options["consent_at"] = options["consent_at"].isoformat()
    columns = tuple(imports.Column(**{"heading": "", **one}) for one in told["columns"])
    return imports.Plan(columns, imports.CustomerOptions(**options))
