"""What Django is told about crm."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """The app “crm”."""

    name = "crm"
    default_auto_field = "django.db.models.BigAutoField"
