"""The OpenAPI document: what every endpoint shares is described once, here."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema

from crm.api.problems import MEDIA_TYPE

_UNSAFE = ("post", "put", "patch", "delete")
_REASONS = {
    400: "The request cannot be read or does not fit the description; `errors` says where.",
    401: "No key, or one that is unknown, expired or revoked.",
    403: "The key has not the scope, or staff have not the permission.",
    404: "There is no such thing.",
    405: "The address does not take this method.",
    406: "Only JSON is answered.",
    409: "It does not fit how things stand, or the same call is still being answered.",
    413: "The request is too long.",
    415: "The body is not of a media type that the address takes.",
    422: "The request is well-formed, but cannot be done, or its Idempotency-Key is used.",
    429: "Too many calls; `Retry-After` says when to call again.",
    500: "Something went wrong here.",
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request gets the same answer for a day.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[A-Za-z0-9_.:-]{1,255}$",
    },
}


class Schema(AutoSchema):
    """Endpoints are grouped by the first word of their address."""

    def get_tags(self) -> list[str]:
        """`/api/v1/customers/…` is about customers."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation_id(self) -> str:
        """The method and the class say it all."""
        return f"{type(self.view).__name__}_{self.method.lower()}"


def describe_whole(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Add every error answer, the limits' headers and Idempotency-Key to every operation."""
    components = result.setdefault("components", {})
    components["responses"] = {f"Problem{status}": _problem(status) for status in _REASONS}
    components["headers"] = {
        name: {"description": told, "schema": {"type": "integer"}}
        for name, told in (
            ("RateLimit-Limit", "Calls in a window."),
            ("RateLimit-Remaining", "Calls left in this window."),
            ("RateLimit-Reset", "Seconds until the next window."),
        )
    }
    for operations in result["paths"].values():
        for method, operation in operations.items():
            _describe(method, operation, sorted(components["headers"]))
    return result


def _describe(method: str, operation: dict[str, Any], limits: list[str]) -> None:
    for answer in operation["responses"].values():
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in limits}
    for status in _REASONS:
        operation["responses"].setdefault(
            str(status), {"$ref": f"#/components/responses/Problem{status}"}
        )
    if method in _UNSAFE:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY)


def _problem(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _REASONS[status],
    }
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer", "enum": [status]},
            "detail": {"type": "string"},
            "errors": {},
        },
    }
    return {
        "description": _REASONS[status],
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
