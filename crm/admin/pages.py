"""Pages of the admin that belong to no model, under names of the admin's own."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.urls import URLPattern, path

_pages: list[URLPattern] = []


def add(route: str, view: Callable[..., HttpResponse], *, name: str) -> None:
    """Mount a view under /admin/ for signed-in staff; its name is `admin:<name>`."""
    _pages.append(path(route, admin.site.admin_view(view), name=name))


def _all() -> list[Any]:
    return list(_pages)


# unfold's site asks this attribute for addresses before those of the models.
admin.site.extra_urls = _all  # type: ignore[attr-defined]
