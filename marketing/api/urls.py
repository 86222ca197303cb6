"""The addresses of marketing's API."""

from django.urls import URLPattern, path

from marketing.api import recommendations

urlpatterns: list[URLPattern] = [
    path(
        "customers/<int:customer_id>/recommendations/",
        recommendations.CustomerRecommendations.as_view(),
        name="api_recommendations",
    ),
]
