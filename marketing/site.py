"""The admin's site: what every page of it is given."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):  # type: ignore[misc]
    """Unfold's site, without work for what few pages show."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Every app with its pages, looked up where somebody reads it: the sidebar is our own."""
        return SimpleLazyObject(lambda: super(Site, self).get_app_list(request, app_label))
