"""The endpoints of the API; each translates, calls one operation and answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from crm import customers, events, normalise, orders
from crm.api import problems, serializers
from crm.api.access import KeyAuthentication, MayCall, PerCaller
from crm.choices import IdentityKind
from crm.models import Customer

_PROBLEMS = dict.fromkeys((400, 401, 403, 429), serializers.ProblemSerializer)


class Endpoint(APIView):
    """What all endpoints share: keys, scopes, limits and the shape of errors."""

    authentication_classes = (KeyAuthentication, SessionAuthentication)
    permission_classes = (MayCall,)
    throttle_classes = (PerCaller,)
    parser_classes = (JSONParser,)
    renderer_classes = (problems.ProblemRenderer,)

    def get_exception_handler(self) -> Any:
        """Errors leave as problem details."""
        return problems.handle


class Pages(CursorPagination):
    """A hundred customers a page, the newest first; a cursor never skips or repeats one."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "limit"
    ordering = "-id"


class Customers(Endpoint):
    """Customers: identify a batch, list, find by a handle."""

    @extend_schema(
        request=serializers.PeopleSerializer,
        responses={200: serializers.IdsSerializer, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        """Find or create the customer of each person."""
        people = _valid(serializers.PeopleSerializer(data=request.data))["customers"]
        ids = customers.identify_many(people=_people(people), now=timezone.now())
        return Response({"ids": ids})

    @extend_schema(
        parameters=[
            OpenApiParameter("email", str, description="Who has this e-mail address"),
            OpenApiParameter("external_id", str, description="Who has this customer number"),
            OpenApiParameter("cursor", str, description="Where the next page begins"),
            OpenApiParameter("limit", int, description="How many a page, at most 500"),
        ],
        responses={200: serializers.CustomerPageSerializer, **_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        """List customers, the newest first."""
        found = Customer.objects.all()
        wanted = {
            IdentityKind.EMAIL: normalise.email(request.query_params.get("email", "")),
            IdentityKind.EXTERNAL: request.query_params.get("external_id", "").replace("\0", ""),
        }
        for kind, value in wanted.items():
            if kind.value == "email" and "email" in request.query_params and not value:
                found = found.none()
            if value:
                found = found.filter(identities__kind=kind, identities__value=value)
        pages = Pages()
        page = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(serializers.CustomerSerializer(page, many=True).data)


class CustomerDetail(Endpoint):
    """One customer."""

    @extend_schema(
        responses={
            200: serializers.CustomerDetailSerializer,
            404: serializers.ProblemSerializer,
            **_PROBLEMS,
        }
    )
    def get(self, request: Request, customer_id: int) -> Response:
        """Show a customer with handles, consent and order statistics."""
        known = Customer.objects.select_related("order_statistics").prefetch_related(
            "identities", "consents"
        )
        customer = get_object_or_404(known, pk=customer_id)
        return Response(serializers.CustomerDetailSerializer(customer).data)


class Events(Endpoint):
    """Events: what customers did."""

    @extend_schema(
        request=serializers.EventsSerializer,
        responses={200: serializers.RecordedSerializer, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        """Record a batch of events, each once."""
        told = _valid(serializers.EventsSerializer(data=request.data))["events"]
        now = timezone.now()
        ids = customers.identify_many(people=_people([one["customer"] for one in told]), now=now)
        new = [
            events.NewEvent(
                customer_id=customer_id,
                name=one["name"],
                occurred_at=one["occurred_at"],
                key=f"api:{one['key']}",
                properties=one["properties"],
            )
            for one, customer_id in zip(told, ids, strict=True)
        ]
        return Response({"recorded": len(events.record_many(events=new, now=now))})


class Products(Endpoint):
    """Products: what the shop sells."""

    @extend_schema(
        request=serializers.ProductsSerializer,
        responses={200: serializers.RecordedSerializer, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        """Add or renew a batch of products."""
        told = _valid(serializers.ProductsSerializer(data=request.data))["products"]
        new = [orders.NewProduct(**one) for one in told]
        return Response({"recorded": len(orders.record_products(products=new, now=timezone.now()))})


class Orders(Endpoint):
    """Orders: what customers bought."""

    @extend_schema(
        request=serializers.OrdersSerializer,
        responses={200: serializers.RecordedSerializer, **_PROBLEMS},
    )
    def post(self, request: Request) -> Response:
        """Take in a batch of orders; the same number again replaces what was known."""
        told = _valid(serializers.OrdersSerializer(data=request.data))["orders"]
        now = timezone.now()
        buyers = [one["customer"] for one in told if one["customer"]]
        ids = iter(customers.identify_many(people=_people(buyers), now=now))
        new = [_order(one, next(ids) if one["customer"] else None) for one in told]
        return Response({"recorded": len(orders.record_many(orders=new, now=now))})


def _order(told: Mapping[str, Any], customer_id: int | None) -> orders.NewOrder:
    return orders.NewOrder(
        number=told["number"],
        customer_id=customer_id,
        placed_at=told["placed_at"],
        currency=told["currency"],
        lines=tuple(orders.NewLine(**line) for line in told["lines"]),
        state=told["state"],
    )


def _people(told: Sequence[Mapping[str, Any]]) -> list[customers.Person]:
    return [customers.Person(**one) for one in told]


def _valid(serializer: Serializer[Any]) -> Any:
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
