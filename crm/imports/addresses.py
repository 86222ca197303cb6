"""Addresses of a million rows: what crm.normalise says, reached by shorter ways where it can be.

Whatever is not of the plainest form goes to crm.normalise; a test holds both to one answer.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from crm import normalise

_LOCAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*\Z", re.ASCII).match
_CLEAN = str.maketrans("", "", " -()./")
_PLAIN = re.compile(r"\+?[0-9]{6,15}\Z", re.ASCII).match
_FORMED = re.compile(r"\+?[0-9][0-9 ()./-]*\Z", re.ASCII).match


@lru_cache(maxsize=50_000)
def _domain(text: str) -> str:
    """The domain in its one form, or nothing where no address is possible there."""
    return normalise.email(f"a@{text}")[2:]


def _email(text: str) -> str | None:
    """An e-mail address in its one form, "" for none, None for one that cannot be right."""
    local, at, domain = text.strip().lower().rpartition("@")
    if at and len(local) <= 60 and len(domain) <= 180 and _LOCAL(local):
        known = _domain(domain)
        return f"{local}@{known}" if known else None
    if not at and not domain:
        return ""
    return normalise.email(text) or None


def phone(*, country: str) -> Callable[[str, str], str | None]:
    """Reads a phone number as dialled in a row's country, or else in this one."""

    def read(text: str, own: str) -> str | None:
        if not text:
            return ""
        region = own or country
        if _FORMED(text):
            found = _quick(text.translate(_CLEAN), region)
            if found:
                return found
        return normalise.phone(text, region) or (None if text.strip() else "")

    return read


def _quick(digits: str, region: str) -> str:
    """The number in E.164 where its plan holds no surprises, else nothing."""
    if not _PLAIN(digits):
        return ""
    if digits[0] == "+":
        plan = _plan_of_code(digits[1:4])
        return plan.international(digits[1 + len(plan.code) :]) if plan else ""
    plan = _plan(region)
    return plan.national(digits) if plan else ""


class _Plan:
    """What is needed of one numbering plan to read its plainest numbers."""

    __slots__ = ("code", "lengths", "looks", "prefix", "strips")

    def __init__(self, metadata: PhoneMetadata) -> None:
        general = metadata.general_desc
        assert general is not None
        self.code = str(metadata.country_code)
        self.prefix = metadata.national_prefix or ""
        self.strips = re.compile(metadata.national_prefix_for_parsing or r"(?!)").match
        self.looks = re.compile(rf"(?:{general.national_number_pattern})\Z").match
        self.lengths = frozenset(general.possible_length)

    def international(self, rest: str) -> str:
        """A number after its country code, where nothing is to be taken off."""
        if rest[0] == "0" or self.strips(rest):
            return ""
        return f"+{self.code}{rest}" if len(rest) in self.lengths and self.looks(rest) else ""

    def national(self, digits: str) -> str:
        """A number as dialled at home: with the prefix, which is taken off, or without."""
        rest = digits[len(self.prefix) :] if self.prefix else digits
        if not digits.startswith(self.prefix) or digits.startswith("00") or rest[:1] == "0":
            return ""
        if self.looks(digits) or self.strips(rest) or rest.startswith(self.code):
            return ""
        return f"+{self.code}{rest}" if len(rest) in self.lengths and self.looks(rest) else ""


@lru_cache(maxsize=1000)
def _plan_of_code(start: str) -> _Plan | None:
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(start[:length])) if start[:length] else None
        if regions:
            return _plan(regions[0])
    return None


@lru_cache(maxsize=300)
def _plan(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None) if region else None
    if not metadata or not metadata.general_desc or metadata.national_prefix_transform_rule:
        return None
    pattern = metadata.national_prefix_for_parsing
    if pattern and pattern != metadata.national_prefix:
        return None
    return _Plan(metadata)


email: Callable[[str], str | None] = _email
