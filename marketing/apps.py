"""What Django is told about marketing."""

from django.apps import AppConfig


class MarketingConfig(AppConfig):
    """The app “marketing”."""

    name = "marketing"
    default_auto_field = "django.db.models.BigAutoField"
