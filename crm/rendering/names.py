"""The frozen lists of what a template may name; documented in docs/templates.md."""

from crm.rendering.filters import build

_PRIVATE = frozenset({"portion_", "timed_"})
FILTERS = frozenset(build()) - _PRIVATE
GLOBALS = frozenset({"range"})
TESTS = frozenset(
    (  # noqa: SIM905
        "boolean defined divisibleby eq equalto even false float ge gt in integer iterable le "
        "lower lt mapping ne none number odd sameas sequence string true undefined upper"
    ).split()
)
# What every rendering provides beside the caller's variables.
PROVIDED_VARIABLES = frozenset(
    {"unsubscribe_url", "preferences_url", "view_url", "pixel_url", "language", "timezone"}
)
