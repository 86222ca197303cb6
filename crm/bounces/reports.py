"""The machine-read part of reports: delivery status (RFC 3464) and feedback (RFC 5965)."""

import re
from dataclasses import dataclass

from crm.bounces import addresses

MAX_GROUPS = 100
# How a letter beyond ASCII is written in a report of ASCII alone (RFC 6533, 3).
_LETTER = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")


@dataclass(frozen=True, slots=True)
class Group:
    """One group of fields, by lower-case name; the first value of each."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """The value of a field, or nothing."""
        return next((value for known, value in self.fields if known == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for known, value in self.fields if known == name]

    @property
    def is_about_a_recipient(self) -> bool:
        """Whether it says what happened to somebody."""
        return any(self.get(name) for name in _RECIPIENT_FIELDS)


def groups_in(text: str) -> list[Group]:
    """The groups of fields in a text; a second recipient begins a group without an empty line."""
    groups: list[Group] = []
    fields: list[tuple[str, str]] = []
    for line in [*text.split("\n")[:4_000], ""]:
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if not line.strip() or (key == "final-recipient" and _has(fields, key)):
            if fields:
                groups.append(Group(tuple(fields)))
            fields = []
        if line[:1] in {" ", "\t"} and fields and line.strip():
            fields[-1] = (fields[-1][0], f"{fields[-1][1]}\n{line.strip()}"[:4_000])
        elif colon and key and " " not in key:
            fields.append((key, value.strip()[:4_000]))
        elif line.strip() and fields and fields[-1][0] == "diagnostic-code":
            # Some servers break the line of a diagnosis without indenting what follows.
            fields[-1] = (fields[-1][0], f"{fields[-1][1]}\n{line.strip()}"[:4_000])
        if len(groups) >= MAX_GROUPS:
            break
    return groups


def has_status(text: str) -> bool:
    """Whether a text carries delivery-status fields, whatever its media type says."""
    small = text.lower()
    return "final-recipient:" in small and ("\naction:" in small or "\nstatus:" in small)


def has_feedback(text: str) -> bool:
    """Whether a text carries the fields of a feedback report."""
    return text.lower().lstrip().startswith("feedback-type:") or "\nfeedback-type:" in text.lower()


def address_of(value: str) -> str:
    """The address in a field that says its type before it, as “rfc822; ada@shop.example”."""
    value = _LETTER.sub(_letter, value[:2_000])
    plain = value.partition(";")[2].strip() if ";" in value else value.strip()
    found = addresses.first_in(plain) or addresses.first_in(value)
    if found:
        return found
    bare = plain.strip("<> ").split()
    return bare[0] if bare and len(bare[0]) <= 254 and "/" not in bare[0] else ""


def original_of(value: str, final: str) -> str:
    """The address in an Original-Recipient, which some servers leave as xtext (RFC 3461, 4).

    A name may have such signs too: what the report calls the final one tells, if it is an address.
    """
    given = address_of(value)
    plain = given.replace("+2B", "+").replace("+3D", "=")
    return plain if "@" not in final or final.lower() == plain.lower() else given


def _letter(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0xD800 or 0xDFFF < number <= 0x10FFFF else "?"


def _has(fields: list[tuple[str, str]], key: str) -> bool:
    return any(name == key for name, _ in fields)
