"""What Django is told about campaigns."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from crm import extensions


class CampaignsConfig(AppConfig):
    """The app “campaigns”."""

    name = "campaigns"
    verbose_name = _("Campaigns")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the news from below, and add to the screens below by name."""
        from campaigns import checks, receivers  # noqa: F401 - importing connects them
        from marketing.rules.registry import conditions

        extensions.customer_panels.register("deliveries", "campaigns.admin.panel.deliveries")
        additions = "campaigns.admin.additions"
        extensions.reply_shortcuts.register("canned replies", f"{additions}.ready_replies")
        extensions.customer_overrides.register("deliveries", f"{additions}.cancelled_deliveries")
        extensions.message_sources.register("delivery", f"{additions}.delivery_source")
        extensions.tracking_limits.register("delivery", "campaigns.tracking_limits.of_deliveries")
        conditions.register("campaign", "campaigns.conditions.HadCampaign")
        extensions.dashboard_cards.register("sending", "campaigns.admin.cards.sending")
