"""The addresses of the API."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from crm.api import (
    attributes,
    companies,
    consents,
    customers,
    events,
    exports,
    identities,
    imports,
    orders,
    privacy,
    products,
    suppressions,
    tracking_modes,
    webhooks,
)

_CUSTOMER = "customers/<int:customer_id>/"
_IMPORT = "imports/<int:import_id>/"
_WEBHOOK = "webhooks/<int:webhook_id>/"

urlpatterns: list[URLPattern] = [
    path("customers/", customers.Customers.as_view(), name="api_customers"),
    path(_CUSTOMER, customers.CustomerDetail.as_view(), name="api_customer"),
    path(f"{_CUSTOMER}identities/", identities.Identities.as_view()),
    path(f"{_CUSTOMER}identities/<int:identity_id>/", identities.IdentityDetail.as_view()),
    path(f"{_CUSTOMER}events/", events.CustomerEvents.as_view()),
    path(f"{_CUSTOMER}consents/", consents.CustomerConsents.as_view()),
    path(f"{_CUSTOMER}consents/decisions/", consents.CustomerDecisions.as_view()),
    path(f"{_CUSTOMER}tracking/", tracking_modes.CustomerTracking.as_view()),
    path("merges/", customers.Merges.as_view(), name="api_merges"),
    path("merges/<int:merge_id>/", customers.MergeDetail.as_view(), name="api_merge"),
    path("events/", events.Events.as_view(), name="api_events"),
    path("products/", products.Products.as_view(), name="api_products"),
    path("products/<int:product_id>/", products.ProductDetail.as_view()),
    path("orders/", orders.Orders.as_view(), name="api_orders"),
    path("orders/<int:order_id>/", orders.OrderDetail.as_view()),
    path("consents/", consents.Consents.as_view()),
    path("suppressions/", suppressions.Suppressions.as_view()),
    path("suppressions/lift/", suppressions.SuppressionLift.as_view()),
    path("attributes/", attributes.Attributes.as_view()),
    path("attributes/<int:attribute_id>/", attributes.AttributeDetail.as_view()),
    path("companies/", companies.Companies.as_view()),
    path("companies/<int:company_id>/", companies.CompanyDetail.as_view()),
    path("companies/<int:company_id>/members/", companies.Members.as_view()),
    path("exports/", exports.Exports.as_view()),
    path("exports/<int:export_id>/", exports.ExportDetail.as_view()),
    path("exports/<int:export_id>/file/", exports.ExportFile.as_view()),
    path("imports/", imports.Imports.as_view()),
    path(_IMPORT, imports.ImportDetail.as_view()),
    path(f"{_IMPORT}check/", imports.ImportCheck.as_view()),
    path(f"{_IMPORT}start/", imports.ImportStart.as_view()),
    path(f"{_IMPORT}pause/", imports.ImportPause.as_view()),
    path(f"{_IMPORT}resume/", imports.ImportResume.as_view()),
    path(f"{_IMPORT}cancel/", imports.ImportCancel.as_view()),
    path(f"{_IMPORT}rejected/", imports.ImportRejected.as_view()),
    path("privacy-requests/", privacy.PrivacyRequests.as_view()),
    path("privacy-requests/<int:request_id>/", privacy.PrivacyRequestDetail.as_view()),
    path("webhooks/", webhooks.Webhooks.as_view(), name="api_webhooks"),
    path(_WEBHOOK, webhooks.WebhookDetail.as_view(), name="api_webhook"),
    path(f"{_WEBHOOK}start/", webhooks.WebhookStart.as_view()),
    path(f"{_WEBHOOK}stop/", webhooks.WebhookStop.as_view()),
    path(f"{_WEBHOOK}secret/", webhooks.WebhookSecret.as_view()),
    path(f"{_WEBHOOK}test/", webhooks.WebhookTest.as_view()),
    path(f"{_WEBHOOK}deliveries/", webhooks.WebhookDeliveries.as_view()),
    path(f"{_WEBHOOK}deliveries/<int:delivery_id>/replay/", webhooks.WebhookReplay.as_view()),
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
