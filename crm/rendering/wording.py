"""Money, dates and small words as English and Chinese readers write them."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩"}
_WITHOUT_CENTS = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "HUF", "IDR"})
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
    digits = f"{abs(value):,.{0 if code in _WITHOUT_CENTS else 2}f}"
    symbol = _SYMBOLS.get(code)
    if code == "JPY" and reads_chinese(language):
        symbol = "JP¥"
    elif code == "CNY" and not reads_chinese(language):
        symbol = "CN¥"
    return ("-" if value < 0 else "") + (f"{symbol}{digits}" if symbol else f"{code} {digits}")


def date(value: dt.date, *, language: str, zone: str) -> str:
    """Write a day; a moment is first moved to the reader's time zone."""
    day = _local(value, zone)
    if reads_chinese(language):
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def moment(value: dt.date, *, language: str, zone: str) -> str:
    """Write a day and the time on the reader's clock."""
    local = _local(value, zone)
    written = date(local, language=language, zone=zone)
    if not isinstance(local, dt.datetime):
        return written
    return f"{written}{' ' if reads_chinese(language) else ', '}{local:%H:%M}"


def weekday(value: dt.date, *, language: str, zone: str) -> str:
    """Name the day of the week."""
    names = _WEEKDAYS["zh" if reads_chinese(language) else "en"]
    return names[_local(value, zone).weekday()]


def stranger(language: str) -> str:
    """What to call somebody whose name is not known."""
    return _STRANGER["zh" if reads_chinese(language) else "en"]


def _local(value: dt.date, zone: str) -> dt.date:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(ZoneInfo(zone))
    return value
