"""Recommendations: what a customer may like next, and why."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api import fields
from crm.api.base import Endpoint, Query
from crm.models import Product
from marketing import recommendations
from marketing.choices import Because


class RecommendationSerializer(serializers.Serializer[Any]):
    """A product that is on sale, and why it is recommended."""

    product_id = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    because = fields.Word(Because.choices)
    led_by = serializers.CharField(
        allow_null=True, help_text="The SKU of the product that was bought or looked at"
    )


class RecommendationsSerializer(serializers.Serializer[Any]):
    """What a customer may like next, best first."""

    results = RecommendationSerializer(many=True)


class Wanted(Query):
    """How many are wanted."""

    limit = fields.AskedWhole(
        min_value=1, max_value=recommendations.MOST, required=False, help_text="Products"
    )


class CustomerRecommendations(Endpoint):
    """What a customer may like next."""

    # What somebody bought is what led to them.
    permissions = {"GET": "crm.view_order"}

    @extend_schema(parameters=[Wanted], responses={200: RecommendationsSerializer})
    def get(self, request: Request, customer_id: int) -> Response:
        """Recommend products to a customer, best first, each with its reason."""
        person_id = self.person(customer_id).pk
        count = self.asked(Wanted).get("limit", recommendations.MOST)
        found = recommendations.recommend_many(
            customer_ids=[person_id], now=timezone.now(), count=count
        )[person_id]
        return Response({"results": _shown(found)})


def _shown(found: list[recommendations.Recommendation]) -> list[dict[str, Any]]:
    ids = {one.product_id for one in found} | {one.led_by_id for one in found}
    named = Product.objects.in_bulk([pk for pk in ids if pk is not None])
    return [
        {
            "product_id": one.product_id,
            "sku": named[one.product_id].sku,
            "name": named[one.product_id].name,
            "because": one.because.value,
            "led_by": named[one.led_by_id].sku if one.led_by_id is not None else None,
        }
        for one in found
    ]
