"""Errors as problem details (RFC 9457): one shape for whatever goes wrong."""

from http import HTTPStatus
from typing import Any

from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from crm.customers import NoIdentity
from crm.orders import UnknownProduct

# What an operation refuses for the caller's sake.
_REFUSALS = (NoIdentity, UnknownProduct)


class ProblemRenderer(JSONRenderer):
    """JSON under the media type of problem details where something went wrong."""

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> Any:
        """Name the media type by the status of the answer."""
        response = (renderer_context or {}).get("response")
        if response is not None and response.status_code >= 400:
            response["Content-Type"] = "application/problem+json"
        return super().render(data, accepted_media_type, renderer_context)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an error into an answer that says what to mend."""
    if isinstance(error, _REFUSALS):
        error = exceptions.ValidationError(str(error))
    if isinstance(error, RecursionError):
        error = exceptions.ParseError("The document is nested too deeply.")
    response = exception_handler(error, context)
    if response is None:
        return None
    status = HTTPStatus(response.status_code)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
    }
    if isinstance(error, exceptions.ValidationError):
        problem["detail"] = "The request is not valid."
        problem["errors"] = response.data
    else:
        problem["detail"] = str(getattr(error, "detail", status.description))
    response.data = problem
    return response
