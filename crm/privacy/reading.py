"""The copy of somebody's data as a page to read: sections, rows, and names in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import formats, timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

# Two names of a copy that are not those of their model.
_MODELS = {"orders": "order", "messages": "message"}


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of thing that is kept."""

    title: str
    rows: tuple[tuple[tuple[str, Any], ...], ...]


def sections(*, copy: Mapping[str, Any]) -> list[Section]:
    """The sections of a copy, the record first; what is empty is left out."""
    return [
        Section(_title(name), tuple(_rows(name, kept)))
        for name, kept in copy.items()
        if name != "made_at" and kept
    ]


def _rows(name: str, kept: Any) -> Iterator[tuple[tuple[str, Any], ...]]:
    model = _model(name)
    for row in kept if isinstance(kept, list) else [kept]:
        yield tuple(_told(model, row))


def _title(name: str) -> str:
    if name == "customer":
        return _("Who you are")
    model = _model(name)
    return capfirst(str(model._meta.verbose_name_plural)) if model else name


def _model(name: str) -> type[models.Model] | None:
    wanted = _MODELS.get(name, name)
    return next((one for one in apps.get_models() if one._meta.model_name == wanted), None)


def _told(model: type[models.Model] | None, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if value in (None, "", [], {}) or name.endswith("_id") or name == "id":
            continue
        field = _field(model, name)
        label = str(field.verbose_name) if field else _label(name)
        yield capfirst(label), _said(value, field)


def _field(model: type[models.Model] | None, name: str) -> "models.Field[Any, Any] | None":
    try:
        found = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, models.Field) else None


def _label(name: str) -> str:
    return _("lines") if name == "lines" else name.replace("_", " ")


def _said(value: Any, field: "models.Field[Any, Any] | None" = None) -> str:
    """A value as people write it: codes by their words, moments and days in the reader's form."""
    if isinstance(value, list):
        return "\n".join(_said(inner) for inner in value)
    if isinstance(value, Mapping):
        return _line(value) or ", ".join(f"{name}: {_said(kept)}" for name, kept in value.items())
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if field is not None and isinstance(value, str):
        return _read(value, field)
    return str(value)


def _line(value: Mapping[str, Any]) -> str:
    """A line of an order: how many of what, at which price."""
    if not {"quantity", "product", "unit_price"} <= value.keys():
        return ""
    return f"{value['quantity']} × {value['product']} · {value['unit_price']}"


def _read(value: str, field: "models.Field[Any, Any]") -> str:
    if isinstance(field, models.DateTimeField) and (at := parse_datetime(value)):
        return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    if isinstance(field, models.DateField) and (day := parse_date(value)):
        return formats.date_format(day, "DATE_FORMAT")
    return str(dict(field.flatchoices).get(value, value))
