"""What Django is told about crm."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CrmConfig(AppConfig):
    """The app “crm”."""

    default = True
    name = "crm"
    verbose_name = _("Customer record")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks."""
        from crm import checks  # noqa: F401 - importing registers them


class CrmRecords(AppConfig):
    """The rows alone, for a process that must stay small."""

    name = "crm"
    default_auto_field = "django.db.models.BigAutoField"
