"""Products: what the shop sells."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from crm import products
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.api.events import RecordedSerializer
from crm.api.orders import CURRENCY
from crm.models import Product

_ADDRESS = r"^(https?://[^\s/]+[^\s]*)?$"


class NewProductSerializer(serializers.Serializer[Any]):
    """Something that the shop sells."""

    sku = fields.Text(max_length=100)
    name = fields.Text(max_length=255)
    price = fields.Amount()
    currency = fields.Pattern(CURRENCY)
    description = fields.Optional(max_length=20_000)
    category = fields.Optional(max_length=150)
    brand = fields.Optional(max_length=150)
    url = fields.Pattern(_ADDRESS, required=False, allow_blank=True, max_length=500)
    image_url = fields.Pattern(_ADDRESS, required=False, allow_blank=True, max_length=500)
    is_active = fields.Flag(required=False)
    created_at = fields.Moment(required=False, allow_null=True)


class ProductsSerializer(serializers.Serializer[Any]):
    """A batch of products."""

    products = fields.Batch(child=NewProductSerializer())


class ProductSerializer(Plain):
    """A product."""

    class Meta:
        model = Product
        fields = (
            "id",
            "sku",
            "name",
            "description",
            "category",
            "brand",
            "price",
            "currency",
            "url",
            "image_url",
            "is_active",
            "created_at",
        )


class ProductsAsked(Listed):
    """Which products are wanted."""

    sku = fields.Text(required=False, max_length=100, help_text="The product of this SKU")
    category = fields.Text(required=False, max_length=150, help_text="Products of this category")


_TEA = {"sku": "TEA-1", "name": "Green tea", "price": "12.50", "currency": "EUR"}


class Products(Endpoint):
    """Products: what the shop sells."""

    model = Product

    @extend_schema(
        request=ProductsSerializer,
        responses={200: RecordedSerializer},
        examples=[OpenApiExample("Tea", {"products": [_TEA]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Add or renew a batch of products."""
        told = self.body(ProductsSerializer)["products"]
        new = [products.NewProduct(**one) for one in told]
        recorded = products.record_products(products=new, now=timezone.now())
        return Response({"recorded": len(recorded)})

    @extend_schema(
        parameters=[ProductsAsked], responses={200: page_of(ProductSerializer, "Product")}
    )
    def get(self, request: Request) -> Response:
        """List products, the last recorded first."""
        asked = self.asked(ProductsAsked)
        wanted = {name: asked[name] for name in ("sku", "category") if name in asked}
        return self.listed(ProductSerializer, Product.objects.filter(**wanted), asked)


class ProductDetail(Endpoint):
    """One product."""

    model = Product

    @extend_schema(parameters=[Shown], responses={200: ProductSerializer})
    def get(self, request: Request, product_id: int) -> Response:
        """Show a product."""
        found = Product.objects.filter(pk=product_id).first()
        if found is None:
            raise NotFound("There is no such product.")
        return self.show(ProductSerializer, found)
