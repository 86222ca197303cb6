"""Forms of conditions about the companies that customers belong to."""

from django.utils.translation import gettext as _

from marketing.rules.conditions.belonging import ANY, NUMBERS, TEXTS

from . import known
from .parts import Part, entry


def companies() -> list[Part]:
    """Any company at all, or one of which something holds."""
    group = _("Company")
    texts = [
        entry(
            group,
            label,
            fixed={"company": name},
            family="text",
            source={"of": "company", "name": name} if name in known.COMPANY_COLUMNS else None,
        )
        for name, label in TEXTS.items()
    ]
    numbers = [
        entry(group, label, fixed={"company": name}, family="number")
        for name, label in NUMBERS.items()
    ]
    belongs = entry(group, _("belongs to a company"), fixed={"company": ANY})
    return [belongs, *texts, *numbers]
