"""Where apps above add to crm by name: a closed list of registries of dotted paths."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string


class Registry:
    """Names and the dotted paths that stand behind them, loaded when first asked for."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._paths: dict[str, str] = {}

    def register(self, name: str, dotted_path: str) -> None:
        """Add a name; the same name twice is an error, so that nothing is replaced silently."""
        if self._paths.get(name, dotted_path) != dotted_path:
            raise ImproperlyConfigured(
                f"{self.title} “{name}” is {self._paths[name]} already; choose another name."
            )
        self._paths[name] = dotted_path

    def get(self, name: str) -> Callable[..., Any]:
        """Load what stands behind a name."""
        if name not in self._paths:
            known = ", ".join(sorted(self._paths)) or "none"
            raise ImproperlyConfigured(f"{self.title} “{name}” is unknown; known are: {known}.")
        loaded: Callable[..., Any] = import_string(self._paths[name])
        return loaded

    def names(self) -> Iterator[str]:
        """The registered names in the order they were added."""
        return iter(tuple(self._paths))

    def all(self) -> Iterator[Callable[..., Any]]:
        """Everything registered, loaded, in the order it was added."""
        return (self.get(name) for name in self.names())


# (customer, request) -> Panel: what apps above show on the customer page.
customer_panels = Registry("Customer panel")
# (product, request) -> Panel: what apps above show on the page of a product.
product_panels = Registry("Product panel")
# (customer_ids, now) -> {customer_id: plain value}: template variables that apps above provide.
template_variables = Registry("Template variable")
# (request, now) -> Card: what apps above show on the dashboard.
dashboard_cards = Registry("Dashboard card")
# (customer, now) -> [OverrideRow]: overrides that apps above keep for a customer, newest first.
customer_overrides = Registry("Customer override")
# (conversation) -> [(shortcut, text)]: ready replies that staff call up with “/” in the inbox.
reply_shortcuts = Registry("Reply shortcut")
# (conversation, now) -> Panel: what apps above show beside a conversation.
inbox_panels = Registry("Inbox panel")
# Name = a message's source_kind; (source_id) -> (words, address): what a message belongs to.
message_sources = Registry("Message source")
# Name = a message's source_kind; (source_ids) -> {source_id: mode}: how much is noted at most of
# who opens and follows what belongs to it; who is not in it sets no limit.
tracking_limits = Registry("Tracking limit")
