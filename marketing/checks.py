"""What is checked before the program starts: every registered name must load."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from marketing.rules.registry import conditions


@register()
def conditions_load(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report kinds of segment condition whose dotted path leads nowhere."""
    found: list[CheckMessage] = []
    for name in conditions.names():
        try:
            conditions.get(name)
        except (ImportError, ImproperlyConfigured) as error:
            hint = "Correct its dotted path in the registry of segment conditions."
            found.append(Error(f"Condition “{name}”: {error}", hint=hint, id="marketing.E001"))
    return found
