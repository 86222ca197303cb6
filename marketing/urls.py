"""Where the apps' addresses are mounted."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

admin.autodiscover()
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("marketing.api.urls")),
    path("", include("crm.urls")),
    path("", include("campaigns.urls")),
]
