"""What Django is told about campaigns."""

from django.apps import AppConfig

from crm import extensions


class CampaignsConfig(AppConfig):
    """The app “campaigns”."""

    name = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the news from below, and add to the screens below by name."""
        from campaigns import checks, receivers  # noqa: F401 - importing connects them

        extensions.customer_panels.register("deliveries", "campaigns.admin.panel.deliveries")
        extensions.dashboard_cards.register("sending", "campaigns.admin.cards.sending")
