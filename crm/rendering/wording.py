"""Money, dates and small words as readers write them: English and Chinese by our own rules.

Readers of other languages get the months, weekdays and separators that Django knows for theirs.
"""

import datetime as dt
import unicodedata
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils import dateformat, formats, translation

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩"}
# Places behind the point where there are not two: ISO 4217, and what nobody writes any more.
_PLACES = {
    **dict.fromkeys(("BHD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF", "HUF", "IDR"), 0),
}
# Where the currency follows the amount.
_FOLLOWS = frozenset(
    (  # noqa: SIM905
        "bg ca cs da de el es et eu fi fr gl hr hu it lt lv nb nn pl pt ro ru sk sl sq sr sv uk"
    ).split()
)
_LEADS = frozenset({"pt-br", "es-mx", "es-ar", "es-co"})
# What stands in lists where a name is missing.
_NO_NAMES = frozenset({"null", "none", "undefined", "unknown", "n/a", "-", "--", "---", ".", "?"})
_MONTHS = (  # noqa: SIM905
    "January February March April May June July August September October November December"
).split()

_WEEKDAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "zh": ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
}
_STRANGER = {"en": "there", "zh": "朋友"}


def reads_chinese(language: str) -> bool:
    """Whether a language code means Chinese."""
    return language.lower().startswith("zh")


def money(amount: object, *, currency: str, language: str) -> str:
    """Write an amount with its currency, rounded to what the currency has."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        raise ValueError(f"{amount!r} is not an amount of money.") from None
    if not value.is_finite() or abs(value) >= 10**15:
        raise ValueError(f"{amount!r} is not an amount of money.")
    code = currency.upper()
    places = Decimal(1).scaleb(-_PLACES.get(code, 2))
    value = value.quantize(places, rounding=ROUND_HALF_UP)
    digits = _written(f"{abs(value):,f}", language)
    symbol = _SYMBOLS.get(code)
    if code == "JPY" and reads_chinese(language):
        symbol = "JP¥"
    elif code == "CNY" and not reads_chinese(language):
        symbol = "CN¥"
    sign = "-" if value < 0 else ""
    if code_of(language) in _FOLLOWS and language.lower() not in _LEADS:
        return f"{sign}{digits}\u00a0{symbol or code}"
    return sign + (f"{symbol}{digits}" if symbol else f"{code} {digits}")


def _written(digits: str, language: str) -> str:
    """A number with the separators of a language."""
    known = spoken(language)
    if not known:
        return digits
    point, comma = (
        str(formats.get_format(name, lang=known, use_l10n=True))
        for name in ("DECIMAL_SEPARATOR", "THOUSAND_SEPARATOR")
    )
    return digits.translate({ord("."): point, ord(","): comma})


def date(value: dt.date | str, *, language: str, zone: str) -> str:
    """Write a day; a moment is first moved to the reader's time zone."""
    day = _local(value, zone)
    if known := spoken(language):
        with translation.override(known):
            shape = formats.get_format("DATE_FORMAT", lang=known, use_l10n=True)
            return str(dateformat.format(dt.date(day.year, day.month, day.day), shape))
    if reads_chinese(language):
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def moment(value: dt.date | str, *, language: str, zone: str) -> str:
    """Write a day and the time on the reader's clock."""
    local = _local(value, zone)
    written = date(local, language=language, zone=zone)
    if not isinstance(local, dt.datetime):
        return written
    return f"{written}{' ' if reads_chinese(language) else ', '}{local:%H:%M}"


def weekday(value: dt.date | str, *, language: str, zone: str) -> str:
    """Name the day of the week."""
    if known := spoken(language):
        with translation.override(known):
            return str(dateformat.format(_local(value, zone), "l"))
    names = _WEEKDAYS["zh" if reads_chinese(language) else "en"]
    return names[_local(value, zone).weekday()]


def stranger(language: str) -> str:
    """What to call somebody whose name is not known."""
    return _STRANGER["zh" if reads_chinese(language) else "en"]


def name_of(text: str) -> str:
    """A name without what cannot be seen around it; empty where it only says that there is none."""
    name = text.strip()
    while name and _is_unseen(name[0]):
        name = name[1:].lstrip()
    while name and _is_unseen(name[-1]):
        name = name[:-1].rstrip()
    return "" if name.casefold() in _NO_NAMES else name


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf"}


def code_of(language: str) -> str:
    """A language without its country."""
    return language.lower().partition("-")[0]


@lru_cache(maxsize=256)
def spoken(language: str) -> str:
    """The language that Django knows for a code; empty where our own rules stand."""
    code = language.lower()
    for known in (code, code_of(language)):
        if known and known[:2] not in {"en", "zh"} and translation.check_for_language(known):
            return known
    return ""


def _local(value: dt.date | str, zone: str) -> dt.date:
    """The day or moment on the reader's clock; free facts have them as texts (2026-04-14)."""
    day = _day(value) if isinstance(value, str) else value
    if not isinstance(day, dt.date):
        raise ValueError(f"{value!r} is not a day.")
    if not isinstance(day, dt.datetime) or day.tzinfo is None:
        return day
    try:
        return day.astimezone(ZoneInfo(zone))
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{zone!r} is not a time zone.") from None


def _day(text: str) -> dt.date | None:
    for read in (dt.date.fromisoformat, dt.datetime.fromisoformat):
        try:
            return read(text.strip())
        except ValueError:
            continue
    return None
