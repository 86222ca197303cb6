"""The public addresses of crm."""

from django.urls import URLPattern, URLResolver, include, path

from crm import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("callbacks/<slug:provider>/", views.callback, name="callback"),
    path("mails/", views.posted_mail, name="posted_mail"),
    path("c/<str:token>/<int:position>", views.clicked, name="click"),
    path("u/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("p/<str:token>", views.chosen, name="preferences"),
    path("push/<str:token>", views.push, name="push"),
    path("push-worker.js", views.push_worker, name="push_worker"),
    path("s/<str:token>", views.confirmed, name="confirm"),
    path("d/<str:token>", views.own_data, name="own_data"),
    path("v/<str:token>", views.viewed, name="view_message"),
    path("api/v1/", include("crm.api.urls")),
]
