"""Everything that the builder's script needs, in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _

from marketing.rules.registry import conditions

from . import gallery, words
from .kinds import forms
from .parts import Part


def build() -> dict[str, Any]:
    """Forms of all kinds of condition, operators, words, and what one may start from."""
    return {
        "operators": words.operators(),
        "entries": [form for kind in conditions.names() for form in forms_of(kind)],
        "kinds": list(conditions.names()),
        "words": words.interface(),
        "gallery": gallery.offered(),
    }


def forms_of(kind: str) -> list[Part]:
    """The forms of a kind of condition; JSON where there is none."""
    if kind not in forms.names():
        return [{"kind": kind, "group": _("As JSON"), "label": kind, "is_raw": True}]
    return [{"kind": kind, **form} for form in forms.get(kind)()]
