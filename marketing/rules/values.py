"""Checks of the plain values in a rule; each refuses with the path and the fix."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils.translation import gettext as _

from .errors import RuleError
from .reading import is_storable

MAX_TEXT = 500
MAX_VALUES = 1_000
MAX_DAYS = 36_500
MAX_NUMBER = 1e15


def only_keys(payload: Mapping[str, Any], allowed: Iterable[str], path: str) -> None:
    """Refuse keys that nothing would read."""
    known = sorted(allowed)
    for key in payload:
        if key not in known:
            raise RuleError(
                f"{path}.{key}",
                _("This key is not known here."),
                _("Use one of: %(known)s.") % {"known": ", ".join(known)},
            )


def text(value: Any, path: str) -> str:
    """A text that PostgreSQL can hold."""
    if not isinstance(value, str) or not value:
        raise RuleError(path, _("A text is expected."), _("Write it in quotation marks."))
    if len(value) > MAX_TEXT:
        raise RuleError(
            path, _("The text is too long."), _("Keep it to %(n)d characters.") % {"n": MAX_TEXT}
        )
    if not is_storable(value):
        raise RuleError(
            path, _("The text holds an unreadable character."), _("Type the text anew.")
        )
    return value


def texts(value: Any, path: str) -> tuple[str, ...]:
    """A list of texts that is not empty."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_VALUES:
        raise RuleError(
            path,
            _("A list of texts is expected."),
            _('Write ["…", "…"] with 1 to %(n)d entries.') % {"n": MAX_VALUES},
        )
    return tuple(text(entry, f"{path}[{position}]") for position, entry in enumerate(value))


def pair(value: tuple[str, ...], path: str) -> tuple[str, ...]:
    """Just two of something."""
    if len(value) != 2:
        raise RuleError(path, _("Two are expected."), _('Write ["…", "…"].'))
    return value


def number(value: Any, path: str) -> float:
    """A finite number of sensible size."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleError(path, _("A number is expected."), _("Write it without quotation marks."))
    # So that neither “not a number” nor a whole number too large for a fraction gets through.
    if not abs(value) <= MAX_NUMBER:
        raise RuleError(path, _("The number is out of range."), _("Use a smaller number."))
    return value


def whole(value: Any, path: str, low: int, high: int) -> int:
    """A whole number between two bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RuleError(
            path,
            _("A whole number is expected."),
            _("Write one from %(low)d to %(high)d.") % {"low": low, "high": high},
        )
    return value


def days(value: Any, path: str) -> int:
    """A number of days."""
    return whole(value, path, 1, MAX_DAYS)


def optional_days(payload: Mapping[str, Any], path: str) -> int | None:
    """The window `within_days`, where there is one."""
    if "within_days" not in payload:
        return None
    return days(payload["within_days"], f"{path}.within_days")


def choice(value: Any, path: str, allowed: Sequence[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in allowed:
        raise RuleError(
            path,
            _("%(value)s is not known here.") % {"value": repr(value)[:80]},
            _("Use one of: %(known)s.") % {"known": ", ".join(allowed)},
        )
    return value


def moment(value: Any, path: str) -> datetime:
    """A day or a moment in ISO 8601; a day means its start, without a zone UTC is meant."""
    try:
        found = datetime.fromisoformat(text(value, path))
    except ValueError as error:
        if isinstance(error, RuleError):
            raise
        raise RuleError(
            path,
            _("A date is expected."),
            _("Write it like %(example)s.") % {"example": date(2026, 1, 31).isoformat()},
        ) from error
    return found if found.tzinfo else datetime.combine(found.date(), found.time() or time(), UTC)
