"""What Django is told about marketing."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.translation import gettext_lazy as _

from crm import extensions


class MarketingConfig(AppConfig):
    """The app “marketing”."""

    default = True
    name = "marketing"
    verbose_name = _("Marketing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the news from below, register the checks, and add to the customer page."""
        # Importing connects them; without the Celery application nobody can ring.
        from marketing import celery, checks, receivers  # noqa: F401

        extensions.customer_panels.register("scores", "marketing.admin.panels.scores")
        extensions.customer_panels.register("segments", "marketing.admin.panels.segments")
        extensions.customer_panels.register(
            "recommended", "marketing.admin.recommended.of_customer"
        )
        extensions.product_panels.register("neighbours", "marketing.admin.recommended.of_product")
        extensions.template_variables.register("recommended", "marketing.recommendations.show_many")
        extensions.inbox_panels.register("reading", "marketing.admin.panels.reading")
        extensions.customer_overrides.register("marketing", "marketing.admin.overrides.of_customer")


class MarketingRecords(AppConfig):
    """The rows, and what is done about news from crm; nothing that rings or is shown."""

    name = "marketing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to crm."""
        from marketing import receivers  # noqa: F401 - importing connects them


class Admin(SimpleAdminConfig):
    """Django's admin, with the site of our own."""

    default_site = "marketing.site.Site"
