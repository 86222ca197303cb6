"""The copy of somebody's data as a page to read: sections, rows, and names in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of thing that is kept."""

    title: str
    rows: tuple[tuple[tuple[str, Any], ...], ...]


def sections(*, copy: Mapping[str, Any]) -> list[Section]:
    """The sections of a copy, the record first; what is empty is left out."""
    return [
        Section(
            _title(name), tuple(_row(row) for row in (kept if isinstance(kept, list) else [kept]))
        )
        for name, kept in copy.items()
        if name != "made_at" and kept
    ]


def _title(name: str) -> str:
    if name == "customer":
        return _("Who you are")
    singular = {"orders": "order", "messages": "message"}.get(name, name)
    for model in apps.get_models():
        if model._meta.model_name == singular:
            return str(model._meta.verbose_name_plural).capitalize()
    return name


def _row(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name.replace("_", " "), value) for name, value in _told(row))


def _told(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if value in (None, "", [], {}) or name.endswith("_id") or name == "id":
            continue
        if isinstance(value, list):
            yield name, "; ".join(map(_said, value))
        else:
            yield name, _said(value)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(inner)}" for name, inner in value.items())
    return str(value)
