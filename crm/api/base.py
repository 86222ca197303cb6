"""What all endpoints share: keys, limits, pages, sparse fields, calls that may be repeated."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed, NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import calls, customers
from crm.api import access, fields, problems
from crm.models import ApiKey, Customer

Handler = Callable[..., Response]
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,255}", re.ASCII)
_UNSAFE = ("post", "put", "patch", "delete")


class Pages(CursorPagination):
    """A hundred rows a page, the newest first; a cursor never skips or repeats one."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "limit"
    ordering = "-id"


class Query(serializers.Serializer[Any]):
    """What an address may ask for; what it does not know it refuses."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse unknown parameters, so that nobody believes in a filter that is none."""
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise ValidationError({name: ["There is no such parameter."] for name in unknown})
        return attrs


class Shown(Query):
    """Which fields of a thing are wanted."""

    fields = fields.Text(  # type: ignore[assignment]
        required=False, help_text="Only these fields, with commas between: id,created_at"
    )


class Listed(Shown):
    """Which page of a list is wanted."""

    limit = fields.AskedWhole(min_value=1, max_value=500, required=False, help_text="Rows a page")
    cursor = fields.Text(
        required=False, max_length=300, help_text="Where the page begins: see `next`"
    )


class Plain(serializers.ModelSerializer[Any]):
    """A row as it is shown: nothing in it is written, and personal data may be masked."""

    personal: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def get_extra_kwargs(self) -> dict[str, Any]:
        """Every field is read-only."""
        return {name: {"read_only": True} for name in self.Meta.fields}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Mask what the caller may not see."""
        shown = super().to_representation(instance)
        if self.context.get("sees_personal"):
            return shown
        masks = {**getattr(instance, "VEILED", {}), **self.personal}
        for name, mask in masks.items():
            if shown.get(name):
                shown[name] = mask(shown[name])
        return shown


def page_of(kind: type[serializers.BaseSerializer[Any]], name: str) -> Any:
    """The answer of a list: where the next and the previous page begin, and the rows."""
    members = {
        "__doc__": "One page, and where the next and the previous begin.",
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": kind(many=True),
    }
    return type(f"{name}PageSerializer", (serializers.Serializer,), members)


class Endpoint(APIView):
    """One address: who may call it with which method, and how it answers."""

    authentication_classes = (access.KeyAuthentication, SessionAuthentication)
    permission_classes = (access.MayCall,)
    throttle_classes = (access.PerCaller,)
    parser_classes: tuple[type[BaseParser], ...] = (JSONParser,)
    renderer_classes = (problems.ProblemRenderer,)

    # The model whose permissions staff need, and those that differ by method.
    model: ClassVar[type[Model]] = Customer
    permissions: ClassVar[Mapping[str, str]] = {}
    # The scope of every method where read and write are not meant.
    scope: ClassVar[str] = ""
    max_body: ClassVar[int | None] = None
    limits: Mapping[str, str] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Every call that changes something may be repeated with an Idempotency-Key."""
        super().__init_subclass__(**kwargs)
        for name in _UNSAFE:
            if name in cls.__dict__:
                setattr(cls, name, _once(cls.__dict__[name]))

    def get_exception_handler(self) -> Any:
        """Errors leave as problem details."""
        return problems.handle

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what no caller may do, then ask who calls."""
        if str(request.method).lower() not in self.http_method_names or not hasattr(
            self, str(request.method).lower()
        ):
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiKey):
            # Changes made by a program are nobody's on staff: the history asks Django's request.
            request._request.user = AnonymousUser()
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > (self.max_body or settings.API_MAX_BODY):
            raise problems.TooLarge

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say how many calls are left."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.limits.items():
            answer[name] = value
        return answer

    def asked(self, kind: type[Query] = Shown) -> dict[str, Any]:
        """What the address asks for, or ValidationError."""
        return valid(kind(data=self.request.query_params.dict()))

    def show(self, kind: type[serializers.BaseSerializer[Any]], row: Any) -> Response:
        """One thing, with the fields that are wanted."""
        wanted = self.asked(Shown).get("fields", "")
        return Response(self._serializer(kind, row, wanted).data)

    def listed(
        self,
        kind: type[serializers.BaseSerializer[Any]],
        rows: QuerySet[Any],
        asked: Mapping[str, Any],
    ) -> Response:
        """One page of things, with the fields that are wanted."""
        pages = Pages()
        page = pages.paginate_queryset(rows, self.request, view=self)
        shown = self._serializer(kind, page, asked.get("fields", ""), many=True)
        return pages.get_paginated_response(shown.data)

    def made(self, kind: type[serializers.BaseSerializer[Any]], row: Any, status: int) -> Response:
        """One thing that was made or changed, whole."""
        return Response(self._serializer(kind, row, "").data, status=status)

    def body(self, kind: type[serializers.Serializer[Any]], **options: Any) -> Any:
        """What the request brings, or ValidationError."""
        return valid(kind(data=self.request.data, **options))

    def person(self, customer_id: int) -> Customer:
        """The customer of an address, by the number of today or one from before a merge."""
        if customer_id >= 2**63:
            raise NotFound
        today = customers.resolve(customer_id=customer_id)
        found = Customer.objects.filter(pk=today).first()
        if found is None:
            raise NotFound("There is no such customer.")
        return found

    def staff(self) -> Any:
        """Who is signed in, or nobody where a program calls."""
        return None if isinstance(self.request.auth, ApiKey) else self.request.user

    def program(self) -> str:
        """Which program calls, or nothing where staff do."""
        return self.request.auth.name if isinstance(self.request.auth, ApiKey) else ""

    def _serializer(self, kind: Any, rows: Any, wanted: str, **options: Any) -> Any:
        context = {"sees_personal": access.sees_personal(self.request), "request": self.request}
        made = kind(rows, context=context, **options)
        shown = getattr(made, "child", made).fields
        names = {name for name in wanted.split(",") if name}
        if unknown := sorted(names - set(shown)):
            told = f"There is no field {unknown[0]!r}; there are {', '.join(shown)}."
            raise problems.Unusable(told)
        for name in set(shown) - names if names else ():
            shown.pop(name)
        return made


def valid(serializer: serializers.BaseSerializer[Any]) -> Any:
    """What a serializer makes of its data, or ValidationError."""
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _once(handler: Handler) -> Handler:
    """Answer a repeated call as before; the answer is kept with what the call changed."""

    @wraps(handler)
    def answer(self: Endpoint, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(self, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise ValidationError({"Idempotency-Key": [f"It has not the form {_KEY.pattern}."]})
        call = calls.Call(str(request.user.pk), key, _request_hash(request))
        with transaction.atomic():
            known = calls.begin(call=call, now=timezone.now())
            if known is not None:
                repeated = Response(known.data, status=known.status)
                repeated["Idempotent-Replayed"] = "true"
                return repeated
            try:
                with transaction.atomic():
                    response = handler(self, request, *args, **kwargs)
            except Exception as error:
                response = self.handle_exception(error)
            if response.status_code < 500:
                kept = calls.Answer(response.status_code, _plain(response.data))
                calls.keep(call=call, answer=kept, now=timezone.now())
            return response

    return answer


def _request_hash(request: Request) -> str:
    told = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    data: Any = request.data
    files = getattr(request, "FILES", {})
    plain = {name: data[name] for name in data if name not in files} if files else data
    told.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for name in files:
        for chunk in files[name].chunks():
            told.update(chunk)
        files[name].seek(0)
    return told.hexdigest()


def _plain(data: Any) -> Any:
    return json.loads(problems.ProblemRenderer().render(data) or b"null")
