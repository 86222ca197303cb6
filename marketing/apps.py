"""What Django is told about marketing."""

from django.apps import AppConfig


class MarketingConfig(AppConfig):
    """The app “marketing”."""

    name = "marketing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the news from below and register the checks."""
        from marketing import checks, receivers  # noqa: F401 - importing connects them
