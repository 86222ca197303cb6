"""Forms of conditions about orders."""

from django.utils.translation import gettext as _

from marketing.rules.conditions.commerce import FIGURES, Bought

from .parts import Part, entry, many, number, span

# Figures that look at all orders of a customer only.
UNWINDOWED = ("recency_days", "tenure_days")


def figures() -> list[Part]:
    """Recency, frequency and money."""
    return [
        entry(
            _("Orders"),
            figure[-1],
            fixed={"orders": name},
            family="number",
            controls=[] if name in UNWINDOWED else [span()],
        )
        for name, figure in FIGURES.items()
    ]


def bought() -> list[Part]:
    """What was bought, by product, category or brand."""
    return [
        entry(
            _("Orders"),
            _("bought %(by)s") % {"by": label},
            fixed={"bought": name},
            controls=[
                many("value", {"of": "products", "name": name}),
                number("at_least", before=_("in at least"), after=_("orders"), is_optional=True),
                span(),
            ],
        )
        for name, (_column, label) in Bought.BY.items()
    ]
