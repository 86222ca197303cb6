"""Cells: how one text becomes a value of the record, and in which words it is refused.

Each reader gives the value, "" for an empty cell, and None for one that cannot be read.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from crm import normalise
from crm.choices import ConsentState

from .countries import find

Reader = Callable[[str], Any]

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ](.+))?\Z")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日\Z")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})\Z")
_MIXED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[T ](.+))?\Z")
_NUMBER = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,15})?\Z")
YES = frozenset(
    [
        "1",
        "true",
        "t",
        "y",
        "yes",
        "ja",
        "j",
        "oui",
        "o",
        "si",
        "sí",
        "s",
        "on",
        "x",
        "✓",
        "granted",
        "subscribed",
        "opted-in",
        "opt-in",
        "in",
        "agreed",
        "是",
        "同意",
        "有",
        "已同意",
        "已订阅",
        "订阅",
        "真",
    ]
)
NO = frozenset(
    [
        "0",
        "false",
        "f",
        "n",
        "no",
        "nein",
        "non",
        "off",
        "withdrawn",
        "unsubscribed",
        "opted-out",
        "opt-out",
        "out",
        "refused",
        "否",
        "不同意",
        "无",
        "不",
        "未同意",
        "退订",
        "已退订",
        "拒绝",
        "假",
    ]
)
_PENDING = frozenset(["pending", "waiting", "unconfirmed", "待确认"])


def _number(text: str) -> int | float | str | None:
    """A number written with a point, as JSON takes it."""
    plain = text.strip()
    if not plain:
        return ""
    if not _NUMBER.match(plain):
        return None
    return float(plain) if "." in plain else int(plain)


def _boolean(text: str) -> bool | str | None:
    """Yes or no, in several languages."""
    plain = text.strip().lower()
    if not plain:
        return ""
    return True if plain in YES else False if plain in NO else None


def _decision(text: str) -> str | None:
    """What somebody decided about a channel."""
    plain = text.strip().lower()
    if not plain:
        return ""
    if plain in _PENDING:
        return ConsentState.PENDING.value
    granted = True if plain in YES else False if plain in NO else None
    if granted is None:
        return None
    return (ConsentState.GRANTED if granted else ConsentState.WITHDRAWN).value


def _country(text: str) -> str | None:
    """A country by its code or its name in English."""
    if not text.strip():
        return ""
    code = normalise.country(text) or find(name=text).code or _COUNTRIES.get(text.strip().lower())
    return code or None


def _language(text: str) -> str | None:
    """A language by its code."""
    if not text.strip():
        return ""
    return normalise.language(text) or None


def _time_zone(text: str) -> str | None:
    """A time zone by its name."""
    if not text.strip():
        return ""
    return normalise.time_zone(text.strip()) or None


def is_ambiguous(*, text: str) -> bool:
    """Whether a day could be read with the month first as well as with the day first."""
    found = _MIXED.match(text.strip())
    return bool(found and found[2] != "." and int(found[1]) <= 12 and int(found[3]) <= 12)


def moment(*, order: str) -> Reader:
    """Reads days and moments as ISO text; `order` (dmy or mdy) says how slashes are meant."""

    def read(text: str) -> str | None:
        plain = text.strip()
        if not plain:
            return ""
        try:
            found = _day(plain, order)
        except ValueError:
            return None
        return found.isoformat() if found else None

    return read


def day(*, order: str) -> Reader:
    """Reads a day as YYYY-MM-DD."""
    read_moment = moment(order=order)

    def read(text: str) -> str | None:
        found: str | None = read_moment(text)
        return found[:10] if found else found

    return read


def _day(text: str, order: str) -> datetime | None:
    for pattern in (_ISO, _CHINESE, _PACKED):
        if found := pattern.match(text):
            rest = found[4] if pattern is _ISO else None
            return _with_hour(date(int(found[1]), int(found[2]), int(found[3])), rest)
    found = _MIXED.match(text)
    if not found:
        return None
    first, mark, second = int(found[1]), found[2], int(found[3])
    if mark == "." or first > 12 or order == "dmy":
        return _with_hour(date(int(found[4]), second, first), found[5])
    if second > 12 or order == "mdy":
        return _with_hour(date(int(found[4]), first, second), found[5])
    return None


def _with_hour(found: date, rest: str | None) -> datetime:
    """Midnight, or the hour that is told; without a zone it is UTC."""
    read = datetime.fromisoformat(f"{found.isoformat()}T{rest.strip()}" if rest else str(found))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


_COUNTRIES = {
    "中国": "CN",
    "中國": "CN",
    "中华人民共和国": "CN",
    "香港": "HK",
    "台湾": "TW",
    "台灣": "TW",
    "taiwan": "TW",
    "澳门": "MO",
    "日本": "JP",
    "韩国": "KR",
    "south korea": "KR",
    "新加坡": "SG",
    "美国": "US",
    "united states": "US",
    "united states of america": "US",
    "英国": "GB",
    "great britain": "GB",
    "england": "GB",
    "德国": "DE",
    "deutschland": "DE",
    "法国": "FR",
    "意大利": "IT",
    "italia": "IT",
    "西班牙": "ES",
    "españa": "ES",
    "österreich": "AT",
    "schweiz": "CH",
    "suisse": "CH",
    "加拿大": "CA",
    "澳大利亚": "AU",
    "india": "IN",
    "印度": "IN",
    "mexico": "MX",
    "méxico": "MX",
    "russia": "RU",
    "俄罗斯": "RU",
    "south africa": "ZA",
    "turkey": "TR",
    "new zealand": "NZ",
    "hungary": "HU",
    "romania": "RO",
}

number: Reader = _number
boolean: Reader = _boolean
decision: Reader = _decision
country: Reader = _country
language: Reader = _language
time_zone: Reader = _time_zone
