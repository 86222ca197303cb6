"""Completes a value while somebody types it, as far as they may see it."""

from collections.abc import Callable
from dataclasses import asdict

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from crm.admin.veiling import SEES_ALL
from crm.models import AttributeDefinition

from . import known
from .known import Value

MOST = 30


@require_GET
@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest) -> JsonResponse:
    """Values that hold the text, those that begin with it first; or names of known values."""
    if any("\x00" in value for _name, values in request.GET.lists() for value in values):
        return JsonResponse({"values": []})
    text = request.GET.get("text", "").strip()
    asked = (request.GET.get("of"), request.GET.get("name"))
    if asked == ("products", "product"):
        found = _products(request, text)
    elif asked[0] == "segments":
        found = _segments(request, text)
    else:
        found = _fitting(_values(request), text)
    return JsonResponse({"values": [asdict(value) for value in found]})


def _products(request: HttpRequest, text: str) -> list[Value]:
    skus = request.GET.getlist("sku")[:MOST]
    if skus:
        return known.name_products(skus=skus)
    return known.find_products(text=text, most=MOST)


def _segments(request: HttpRequest, text: str) -> list[Value]:
    numbers = [int(pk) for pk in request.GET.getlist("id")[:MOST] if pk.isdecimal()]
    if numbers:
        return known.name_segments(numbers=numbers)
    return known.find_segments(text=text, most=MOST)


def _values(request: HttpRequest) -> list[Value]:
    """Everything there is to choose from; what may tell people apart only for who may see it."""
    of, name = request.GET.get("of", ""), request.GET.get("name", "")
    event = request.GET.get("event", "")
    if not _may_see(request, of, name):
        return []
    sources: dict[str, Callable[[], list[Value]]] = {
        "field": lambda: known.columns(name=name),
        "attributes": known.attributes,
        "attribute": lambda: known.attribute(name=name),
        "company": lambda: known.companies(name=name),
        "events": known.events,
        "properties": lambda: known.properties(event=event),
        "property": lambda: known.property_values(event=event, name=name),
        "products": lambda: known.products(by=name),
    }
    return sources[of]() if of in sources else []


def _may_see(request: HttpRequest, of: str, name: str) -> bool:
    if request.user.has_perm(SEES_ALL) or of not in ("attribute", "property"):
        return True
    return of == "attribute" and name in AttributeDefinition.public_names()


def _fitting(values: list[Value], text: str) -> list[Value]:
    sought = text.casefold()
    holding = [value for value in values if sought in f"{value.label} {value.value}".casefold()]
    holding.sort(key=lambda value: not value.label.casefold().startswith(sought))
    return holding[:MOST]
