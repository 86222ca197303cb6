"""Errors as problem details (RFC 9457): one shape for whatever goes wrong."""

import json
import logging
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as Refused
from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from crm.calls import OtherRequest, StillRunning
from crm.customers import MergeRefused, NoIdentity
from crm.events import CustomerGone
from crm.models import Customer, Identity
from crm.orders import UnknownProduct

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
PREFIX = "/api/"


class Unusable(exceptions.APIException):
    """The request is well-formed, but what it asks for cannot be done."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_detail = "The request is well-formed, but it cannot be done."


class Conflict(exceptions.APIException):
    """The request does not fit how things stand just now."""

    status_code = HTTPStatus.CONFLICT
    default_detail = "The request does not fit how things stand."


class TooLarge(exceptions.APIException):
    """The request is longer than allowed."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too long; send it in parts."


# What operations refuse for the caller's sake, in the words of HTTP.
_WORDS: tuple[tuple[Any, Callable[[Any], Exception]], ...] = (
    ((NoIdentity, UnknownProduct), lambda error: Unusable(str(error))),
    # Who was there a moment ago was merged or erased since.
    ((Customer.DoesNotExist, Identity.DoesNotExist), lambda _: exceptions.NotFound()),
    ((MergeRefused, CustomerGone), lambda error: Conflict(str(error))),
    (Refused, lambda error: Unusable(" ".join(error.messages))),
    (
        StillRunning,
        lambda _: Conflict("A call with this Idempotency-Key is still being answered."),
    ),
    (OtherRequest, lambda _: Unusable("This Idempotency-Key came with another request.")),
    (RequestDataTooBig, lambda _: TooLarge()),
    (RecursionError, lambda _: exceptions.ParseError("The document is nested too deeply.")),
)


class ProblemRenderer(JSONRenderer):
    """JSON under the media type of problem details where something went wrong."""

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> Any:
        """Name the media type by the status of the answer."""
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400:
            response["Content-Type"] = MEDIA_TYPE
        return super().render(data, accepted_media_type, renderer_context)


def problem(status: int, detail: str = "", errors: Any = None) -> dict[str, Any]:
    """The document for one thing that went wrong."""
    known = HTTPStatus(status)
    told = {"type": "about:blank", "title": known.phrase, "status": known.value}
    told["detail"] = detail or known.description or known.phrase
    return told if errors is None else {**told, "errors": errors}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an error into an answer that says what to mend."""
    error = _translated(error)
    response = exception_handler(error, context)
    if response is None:
        _log(error)
        return Response(problem(500, "Something went wrong here; it is noted."), status=500)
    if isinstance(error, exceptions.ValidationError):
        told = problem(response.status_code, "The request is not valid.", response.data)
    else:
        told = problem(response.status_code, str(getattr(error, "detail", "")))
    response.data = told
    return response


def answer_as_problems(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: whatever fails under /api/ before or beside an endpoint is a problem too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_plain = response.get("Content-Type", "").startswith("text/html")
        if response.status_code < 400 or not is_plain or not request.path.startswith(PREFIX):
            return response
        told = problem(response.status_code)
        answer = HttpResponse(json.dumps(told), MEDIA_TYPE, response.status_code)
        if "Allow" in response:
            answer["Allow"] = response["Allow"]
        return answer

    return middleware


def _translated(error: Exception) -> Exception:
    """Refusals of operations in the words of HTTP."""
    for kinds, translated in _WORDS:
        if isinstance(error, kinds):
            return translated(error)
    return error


def _log(error: Exception) -> None:
    # Without the error's own words: they may quote a person's data.
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("An API call failed: %s\n%s", type(error).__name__, where)
