"""A person as somebody reports them, and in the one form in which they are looked up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm import normalise
from crm.choices import IdentityKind

Handle = tuple[str, str]

FIELDS = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "country",
    "city",
    "postcode",
    "street",
    "language",
    "time_zone",
)
# The kinds by trust, as they are stored.
_GIVEN = tuple(kind.value for kind in IdentityKind if kind != IdentityKind.PUSH)
# Whoever holds nothing else is a visitor, of whom nobody knows who they are.
NAMELESS = frozenset(
    {IdentityKind.ANONYMOUS.value, IdentityKind.WEBCHAT.value, IdentityKind.PUSH.value}
)


class NoIdentity(ValueError):  # noqa: N818 - it names what is missing
    """A person came without any handle that can be used."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known about somebody; what is empty is unknown and changes nothing.

    `verified` names the kinds of handles that whoever reports the person has checked.
    """

    external_id: str = ""
    email: str = ""
    phone: str = ""
    anonymous_id: str = ""
    telegram_id: str = ""
    whatsapp_id: str = ""
    webchat_id: str = ""
    first_name: str = ""
    last_name: str = ""
    country: str = ""
    city: str = ""
    postcode: str = ""
    street: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    verified: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """A person of the batch in normalised form, their handles by trust."""

    handles: tuple[Handle, ...]
    values: Mapping[str, str]
    attributes: Mapping[str, Any]
    created_at: datetime | None
    verified: frozenset[str]

    @property
    def email(self) -> Handle:
        """The handle of the e-mail address, whether there is one or not."""
        return (IdentityKind.EMAIL.value, self.values["email"])


def read(*, person: Person, position: int) -> Reading:
    """Normalise one person of a batch; whoever has no usable handle is refused."""
    country = normalise.country(person.country)
    values = {
        "first_name": person.first_name.strip()[:150],
        "last_name": person.last_name.strip()[:150],
        "email": normalise.email(person.email),
        "phone": normalise.phone(person.phone, country),
        "country": country,
        "city": person.city.strip()[:150],
        "postcode": person.postcode.strip()[:20],
        "street": person.street.strip()[:255],
        "language": normalise.language(person.language),
        "time_zone": normalise.time_zone(person.time_zone),
    }
    usable = tuple((kind, value) for kind, value in _handles(person, values) if value)
    if not usable:
        raise NoIdentity(f"Person {position} of the batch has no usable identity.")
    return Reading(usable, values, person.attributes, person.created_at, person.verified)


def is_nameless(*, handles: set[Handle]) -> bool:
    """Whether these handles say nothing about who somebody is."""
    return all(kind in NAMELESS for kind, _ in handles)


def _handles(person: Person, values: Mapping[str, str]) -> tuple[Handle, ...]:
    given = (
        person.external_id,
        values["email"],
        values["phone"],
        person.whatsapp_id,
        person.telegram_id,
        person.webchat_id,
        person.anonymous_id,
    )
    return tuple((kind, text.strip()[:320]) for kind, text in zip(_GIVEN, given, strict=True))
