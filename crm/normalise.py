"""Addresses and codes in the one form that they are compared, hashed and stored in.

What knows addresses and numbering plans is loaded by the first call: most processes make none.
"""

import hashlib
from functools import lru_cache
from zoneinfo import available_timezones

from django.utils import translation

_LOCAL_AT_MOST = 64
_zones: frozenset[str] = frozenset()


@lru_cache(maxsize=20_000)
def email(text: str) -> str:
    """Give the address in lower case with its domain in Unicode, or nothing if it is none."""
    from email_validator import EmailNotValidError, validate_email

    text = text.strip()
    if not text:
        return ""
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return ""
    # No mail server takes more before the @; the library lets it pass.
    if len(found.local_part) > _LOCAL_AT_MOST:
        return ""
    return found.normalized.lower()


@lru_cache(maxsize=20_000)
def phone(text: str, country: str = "") -> str:
    """Give the number in E.164, read as dialled in `country`, or nothing if it is none."""
    import phonenumbers

    text = text.strip()
    if not text:
        return ""
    try:
        number = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def address(*, channel: str, text: str) -> str:
    """Give an address of a channel in its one form; what cannot be read is only trimmed."""
    if channel not in {"email", "sms"}:
        # A web address means what it says to the letter.
        return text.strip()
    read = email(text) if channel == "email" else phone(text)
    return read or text.strip().lower()


def address_hash(*, channel: str, address: str) -> str:
    """Hash a normalised address, so that a suppression survives the erasure of the person."""
    return hashlib.sha256(f"{channel}:{address.lower()}".encode()).hexdigest()


def country(text: str) -> str:
    """Give a two-letter country code in capitals, or nothing."""
    code = text.strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


def language(text: str) -> str:
    """Give a language code in lower case with a hyphen, or nothing if it is too long for one."""
    code = text.strip().lower().replace("_", "-")
    return code if len(code) <= 10 else ""


def spoken(language: str) -> str:
    """The language of our own words that comes nearest to a customer's: English if none does."""
    try:
        return translation.get_supported_language_variant(language)
    except LookupError:
        return "en"


def time_zone(text: str) -> str:
    """Give the name of a time zone that exists, or nothing."""
    global _zones  # noqa: PLW0603 - reading the zones costs a walk through a folder
    if not _zones:
        _zones = frozenset(available_timezones())
    return text if text in _zones else ""
