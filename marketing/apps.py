"""What Django is told about marketing."""

from django.apps import AppConfig


class MarketingConfig(AppConfig):
    """The app “marketing”."""

    name = "marketing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the Celery application the one that every `shared_task` rings."""
        from marketing import celery  # noqa: F401
