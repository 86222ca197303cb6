"""Forms of conditions about the person."""

from django.utils.translation import gettext as _

from crm.choices import IdentityKind
from marketing.rules.conditions.person import MOMENT_FIELDS, TEXT_FIELDS

from . import known
from .parts import Part, entry, number


def fields() -> list[Part]:
    """The customer's own columns, those with few values first."""
    group = _("Person")
    named = sorted(TEXT_FIELDS.items(), key=lambda field: field[0] not in known.COLUMNS)
    texts = [
        entry(
            group,
            label,
            fixed={"field": name},
            family="text",
            source={"of": "field", "name": name} if name in known.COLUMNS else None,
        )
        for name, label in named
    ]
    moments = [
        entry(group, label, fixed={"field": name}, family="moment")
        for name, label in MOMENT_FIELDS.items()
    ]
    return [*texts, *moments]


def attributes() -> list[Part]:
    """The free facts."""
    subject = {"key": "attribute", "hint": _("attribute"), "source": {"of": "attributes"}}
    source = {"of": "attribute", "name": "$attribute"}
    words = _("attribute …")
    return [entry(_("Person"), words, subject=subject, family="json", source=source)]


def identities() -> list[Part]:
    """The handles."""
    return [
        entry(_("Person"), kind.label, fixed={"identity": kind.value}, family="presence")
        for kind in IdentityKind
    ]


def share() -> list[Part]:
    """A stable random share."""
    controls = [
        number("share", after="%", start=10),
        number("from", before=_("starting at"), after="%", is_optional=True),
    ]
    return [entry(_("Person"), _("random share"), controls=controls)]
