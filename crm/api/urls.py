"""The addresses of the API."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from crm.api import views

urlpatterns: list[URLPattern] = [
    path("customers/", views.Customers.as_view(), name="api_customers"),
    path("customers/<int:customer_id>/", views.CustomerDetail.as_view(), name="api_customer"),
    path("events/", views.Events.as_view(), name="api_events"),
    path("products/", views.Products.as_view(), name="api_products"),
    path("orders/", views.Orders.as_view(), name="api_orders"),
    # The description holds no data: anybody may read it.
    path(
        "schema/",
        SpectacularAPIView.as_view(permission_classes=[AllowAny], authentication_classes=[]),
        name="api_schema",
    ),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(
            url_name="api_schema", permission_classes=[AllowAny], authentication_classes=[]
        ),
        name="api_docs",
    ),
]
