"""Whose events they are: known handles in one statement, new and changed people by the batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from crm import customers
from crm.choices import IdentityKind
from crm.ingest import wire
from crm.ingest.facts import Fact

# The handles come as one text: quoting each costs the driver more than finding them. Their owners
# are held in the order of their ids, so that nobody merges or erases them before the commit; whom
# another transaction has just merged away is not found. Each is looked up by itself, whatever is
# thought of the size of the tables.
_OWNERS = """
    SELECT held.value, c.id FROM (
        SELECT told.value, i.customer_id FROM json_array_elements_text(%s) AS told (value)
        CROSS JOIN LATERAL (
            SELECT customer_id FROM crm_identity WHERE kind = %s AND value = told.value LIMIT 1
        ) AS i
        ORDER BY i.customer_id
    ) AS held
    CROSS JOIN LATERAL (
        SELECT id FROM crm_customer WHERE id = held.customer_id FOR KEY SHARE
    ) AS c
"""
_TEXTS = {
    "email": "email",
    "phone": "phone",
    "firstName": "first_name",
    "first_name": "first_name",
    "lastName": "last_name",
    "last_name": "last_name",
    "language": "language",
    "timezone": "time_zone",
    "country": "country",
    "city": "city",
}
_ADDRESS = {
    "street": "street",
    "postalCode": "postcode",
    "postal_code": "postcode",
    "zip": "postcode",
    "city": "city",
    "country": "country",
}
_SAID_ELSEWHERE = {*_TEXTS, "name", "address", "createdAt", "created_at"}
_Handles = tuple[str, str]
# A number this large is a moment in milliseconds.
_MILLISECONDS = 100_000_000_000


class Owners:
    """The customers behind the handles of a chunk."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._users = list({fact.user for fact in facts if fact.user})
        self._anonymous = list({fact.anonymous for fact in facts if fact.anonymous})
        self.by_user: Mapping[str, int] = {}
        self.by_anonymous: Mapping[str, int] = {}
        self.look()

    def look(self) -> None:
        """Ask who holds the handles now."""
        self.by_user = _owners(IdentityKind.EXTERNAL, self._users)
        self.by_anonymous = _owners(IdentityKind.ANONYMOUS, self._anonymous)

    def of(self, fact: Fact) -> int:
        """The customer of a fact: who is named counts more than which browser it was."""
        if fact.user:
            return self.by_user[fact.user]
        return self.by_anonymous[fact.anonymous]

    def are_settled(self, handles: _Handles) -> bool:
        """Whether each handle of a fact leads to the same customer already."""
        user, anonymous = handles
        by_user = self.by_user.get(user) if user else None
        if not anonymous:
            return by_user is not None
        by_anonymous = self.by_anonymous.get(anonymous)
        return by_anonymous is not None and (not user or by_user == by_anonymous)


def resolve(*, facts: Sequence[Fact], now: datetime) -> list[int]:
    """The customer of each fact, found or made; the chunk is taken in its order."""
    owners = Owners(facts)
    unknown = list(_to_identify(facts, owners))
    if unknown:
        customers.identify_many(people=unknown, now=now)
        # Visitors may have turned out to be known people: earlier facts follow them.
        owners.look()
    return [owners.of(fact) for fact in facts]


def _to_identify(facts: Sequence[Fact], owners: Owners) -> Iterable[customers.Person]:
    every = {(fact.user, fact.anonymous) for fact in facts}
    done = {handles for handles in every if owners.are_settled(handles)}
    for fact in facts:
        handles = (fact.user, fact.anonymous)
        if fact.kind == "identify":
            yield person(fact=fact)
        elif fact.kind == "alias":
            previous = wire.text_of(value=fact.call.previous_id)
            yield customers.Person(external_id=fact.user, anonymous_id=previous)
        elif handles not in done:
            yield customers.Person(external_id=fact.user, anonymous_id=fact.anonymous)
        else:
            continue
        done.add(handles)


def person(*, fact: Fact) -> customers.Person:
    """What an identify call says about somebody, in our words."""
    call = fact.call
    around = call.context
    traits = {**(_object(around.traits) if around else {}), **_object(call.traits)}
    known: dict[str, Any] = dict(_texts(traits))
    if around:
        known.setdefault("language", _text(around.locale))
        known.setdefault("time_zone", _text(around.timezone))
    attributes = {name: value for name, value in traits.items() if name not in _SAID_ELSEWHERE}
    return customers.Person(
        external_id=fact.user,
        anonymous_id=fact.anonymous,
        attributes=attributes,
        created_at=_moment(traits.get("createdAt", traits.get("created_at")), fact.received_at),
        **known,
    )


def _texts(traits: Mapping[str, Any]) -> dict[str, str]:
    address = traits.get("address")
    told = [(_ADDRESS, address)] if isinstance(address, dict) else []
    found: dict[str, str] = {}
    for words, values in [*told, (_TEXTS, traits)]:
        for word, ours in words.items():
            if text := _text(values.get(word)):
                found[ours] = text
    name = _text(traits.get("name"))
    if name and not (found.get("first_name") or found.get("last_name")):
        found["first_name"], _, found["last_name"] = name.partition(" ")
    return found


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""


def _moment(value: Any, received_at: datetime) -> datetime | None:
    """When somebody became a customer, by ISO 8601 or by seconds; never in the future."""
    try:
        if isinstance(value, str):
            return min(wire.parse_moment(text=value), received_at)
        if isinstance(value, int | float) and value > 0:
            seconds = value / 1000 if value > _MILLISECONDS else value
            return min(datetime.fromtimestamp(seconds, tz=UTC), received_at)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _object(raw: msgspec.Raw) -> dict[str, Any]:
    text = bytes(raw)
    found = msgspec.json.decode(text) if text else None
    return found if isinstance(found, dict) else {}


def _owners(kind: IdentityKind, values: list[str]) -> dict[str, int]:
    if not values:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS, [msgspec.json.encode(values).decode(), kind.value])
        return dict(cursor.fetchall())
