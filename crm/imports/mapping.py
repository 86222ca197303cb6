"""Mappings: which column goes where, guessed from headings and cells, checked before a run."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from crm import normalise
from crm.choices import AttributeType

from . import addresses, cells, targets

TYPES = (AttributeType.TEXT, AttributeType.NUMBER, AttributeType.BOOLEAN, AttributeType.DATE)
UPDATE, FILL, SKIP = "update", "fill", "skip"
_ENOUGH = 0.8


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file and where it goes; the type is that of an attribute."""

    heading: str
    target: str = targets.NOTHING
    type: str = AttributeType.TEXT


@dataclass(frozen=True, slots=True)
class Options:
    """What the file does not say itself."""

    # In which country phones without a country code are dialled.
    default_country: str = ""
    # "dmy" or "mdy"; nothing until somebody has said it.
    date_order: str = ""
    # What becomes of customers we know: update, fill or skip.
    existing: str = UPDATE
    consent_source: str = ""
    # A moment as ISO text.
    consent_at: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that says how rows become customers."""

    columns: tuple[Column, ...]
    options: Options = Options()

    @classmethod
    def of(cls, mapping: Mapping[str, Any], options: Mapping[str, Any]) -> "Plan":
        """The plan that a run keeps as plain values."""
        columns = tuple(Column(**column) for column in mapping.get("columns", ()))
        return cls(columns, Options(**options))

    def plain(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Mapping and options as plain values."""
        return {"columns": [asdict(column) for column in self.columns]}, asdict(self.options)

    def column_of(self, target: str) -> int | None:
        """Where in the file a target is filled from."""
        found = (at for at, column in enumerate(self.columns) if column.target == target)
        return next(found, None)


def guess(*, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[Column, ...]:
    """Guess where each column goes: by its heading, else by what its cells look like."""
    taken: set[str] = set()
    columns = []
    for at, heading in enumerate(headings):
        if targets.is_ours(heading=heading):
            columns.append(Column(heading))
            continue
        values = [str(row[at]) for row in rows if at < len(row) and str(row[at]).strip()]
        target = targets.by_heading(heading=heading)
        if not target or target in taken:
            target = _by_looks(values, taken)
        if not target or target in taken:
            target = _attribute(heading, taken)
        taken.add(target)
        columns.append(_typed(Column(heading, target), values))
    return tuple(columns)


def problems(*, plan: Plan, rows: Sequence[Sequence[Any]]) -> list[str]:
    """What must be decided before the file can be read, in sentences."""
    used = Counter(column.target for column in plan.columns if column.target)
    found = [_doubled(target) for target, times in used.items() if times > 1]
    if not any(handle in used for handle in targets.HANDLES):
        found.append(
            _("No column names the person: map a customer number, an e-mail address or a phone.")
        )
    unknown = [name for name in used if not _is_known(name)]
    found += [_("“%s” is no name for an attribute.") % name for name in unknown]
    return found + _consent_problems(plan, used) + _option_problems(plan, rows)


def is_ambiguous(*, plan: Plan, rows: Sequence[Sequence[Any]]) -> bool:
    """Whether a column of days can be read in two ways."""
    days = [at for at, column in enumerate(plan.columns) if _is_date(column)]
    return any(
        cells.is_ambiguous(text=str(row[at])) for row in rows for at in days if at < len(row)
    )


def _consent_problems(plan: Plan, used: Mapping[str, int]) -> list[str]:
    if not any(channel in used for channel in targets.CONSENTS):
        return []
    found = []
    if targets.CONSENT_SOURCE not in used and not plan.options.consent_source.strip():
        found.append(
            _("Consent needs a source: map the column that says it, or write where it was given.")
        )
    if targets.CONSENT_DATE not in used and not plan.options.consent_at:
        found.append(
            _("Consent needs a date: map the column that says it, or give the day it was given.")
        )
    return found


def _option_problems(plan: Plan, rows: Sequence[Sequence[Any]]) -> list[str]:
    options, found = plan.options, []
    if options.existing not in (UPDATE, FILL, SKIP):
        found.append(_("Say what becomes of customers that are known already."))
    if options.default_country and not normalise.country(options.default_country):
        found.append(_("The country of the phone numbers is a code of two letters."))
    if not options.date_order and is_ambiguous(plan=plan, rows=rows):
        found.append(_("Say whether 03/04/2026 means the third of April or the fourth of March."))
    if options.consent_at and not _is_moment(options.consent_at):
        found.append(_("The day of the consent cannot be read."))
    return found


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _doubled(target: str) -> str:
    label = targets.BY_NAME[target].label if target in targets.BY_NAME else target
    return _("Two columns go to “%s”; choose one.") % label


def _is_known(target: str) -> bool:
    name = target.removeprefix(targets.ATTRIBUTE)
    return target in targets.BY_NAME or (
        name != target and bool(targets.ATTRIBUTE_NAME.match(name))
    )


def _is_date(column: Column) -> bool:
    return column.target in ("created_at", targets.CONSENT_DATE) or (
        column.target.startswith(targets.ATTRIBUTE) and column.type == AttributeType.DATE
    )


def _by_looks(values: Sequence[str], taken: set[str]) -> str:
    """Addresses tell themselves; anything else is an attribute until somebody says otherwise."""
    if not values:
        return targets.NOTHING
    if "email" not in taken and _share(values, lambda text: "@" in text and addresses.email(text)):
        return "email"
    if "phone" not in taken and _share(
        values, lambda text: text.startswith(("+", "00")) and normalise.phone(text)
    ):
        return "phone"
    return targets.NOTHING


def _attribute(heading: str, taken: set[str]) -> str:
    name = targets.attribute(heading=heading)
    target = f"{targets.ATTRIBUTE}{name}"
    return target if name and target not in taken else targets.NOTHING


def _typed(column: Column, values: Sequence[str]) -> Column:
    if not column.target.startswith(targets.ATTRIBUTE) or not values:
        return column
    if all(_is_plain_number(text) for text in values):
        return replace(column, type=AttributeType.NUMBER)
    if all(text.strip().lower() in ("true", "false") for text in values):
        return replace(column, type=AttributeType.BOOLEAN)
    if all(cells.day(order="dmy")(text) for text in values) and not values[0].isdigit():
        return replace(column, type=AttributeType.DATE)
    return column


def _is_plain_number(text: str) -> bool:
    """A number that loses nothing by being one: no leading zeros, no plus."""
    read = cells.number(text)
    return read is not None and str(read) == text.strip()


def _share(values: Sequence[str], fits: Callable[[str], object]) -> bool:
    return sum(bool(fits(text)) for text in values) >= _ENOUGH * len(values)
