"""What Django is told about campaigns."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The app “campaigns”."""

    name = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"
