"""Who shops there: people with a place, a taste, a rhythm, and a day on which they may leave."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from crm.choices import IdentityKind
from crm.customers import Person

from .catalogue import TASTES
from .doors import door
from .places import PLACES, Place

MAIL_HOSTS = ("letters.example", "home.example", "shop.example", "mail.test", "post.test")
AREA_CODES = ("212", "617", "215", "404", "412", "410", "919", "216", "716", "312", "206", "512")
YEARS = timedelta(days=730)
CONFIRMED = frozenset({IdentityKind.EMAIL.value, IdentityKind.PHONE.value})


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often somebody buys (usual days between orders), how much, and how soon they leave."""

    name: str
    weight: int
    gap_days: float
    basket: float
    leaves_after_days: float


RHYTHMS = (
    Rhythm("devoted", 14, 38, 3.4, 1500),
    Rhythm("regular", 30, 80, 2.4, 620),
    Rhythm("occasional", 31, 190, 1.9, 700),
    Rhythm("once", 25, 4000, 1.5, 30),
)


@dataclass(frozen=True, slots=True)
class Shopper:
    """A made-up person; `person` is what the record is told, the rest is what drives them."""

    person: Person
    place: Place
    taste: str
    rhythm: Rhythm
    joined_at: datetime
    leaves_at: datetime


def populate(*, drawn: Random, count: int, now: datetime) -> list[Shopper]:
    """Make so many people; the shop grew, so that more joined lately than at first."""
    places = drawn.choices(PLACES, [place.weight for place in PLACES], k=count)
    seen: dict[str, int] = {}
    shoppers = []
    for number, place in enumerate(places, start=1):
        joined_at = now - YEARS * (drawn.random() ** 1.25) - timedelta(hours=drawn.random() * 20)
        rhythm = drawn.choices(RHYTHMS, [rhythm.weight for rhythm in RHYTHMS])[0]
        stays = timedelta(days=drawn.expovariate(1 / rhythm.leaves_after_days))
        nth = seen[place.country] = seen.get(place.country, 0) + 1
        shoppers.append(
            Shopper(
                person=_person(drawn, number, nth, place, joined_at),
                place=place,
                taste=drawn.choices(TASTES, (34, 28, 22, 16))[0],
                rhythm=rhythm,
                joined_at=joined_at,
                leaves_at=joined_at + stays,
            )
        )
    return shoppers


def _person(drawn: Random, number: int, nth: int, place: Place, joined_at: datetime) -> Person:
    first, first_latin = _spelt(drawn.choice(place.first_names.split()))
    last, last_latin = _spelt(drawn.choice(place.last_names.split()))
    address = f"{first_latin}.{last_latin}{number}@{drawn.choice(MAIL_HOSTS)}"
    facts: dict[str, object] = {}
    if drawn.random() < 0.35:
        facts["birthday"] = f"{drawn.randint(1955, 2004)}-{drawn.randint(1, 12):02d}-15"
    if drawn.random() < 0.25:
        facts["found_us_by"] = drawn.choice(("friend", "search", "newspaper", "market stall"))
    if number % 6 == 0:
        facts["household"] = 1 + number // 6 % 5
    if number % 9 == 0:
        facts["likes_wrapping"] = number % 2 == 0
    street, postcode = door(country=place.country, number=number)
    return Person(
        external_id=f"shop-{number}",
        email=address if drawn.random() < 0.97 else "",
        phone=_phone(place, nth) if drawn.random() < 0.72 else "",
        first_name=first,
        last_name=last,
        country=place.country,
        city=drawn.choice(place.cities.split()).replace("_", " "),
        postcode=postcode,
        street=street,
        language=place.language,
        time_zone=place.time_zone,
        attributes=facts,
        created_at=joined_at,
        # The shop had the addresses of its accounts confirmed.
        verified=CONFIRMED,
    )


def _spelt(name: str) -> tuple[str, str]:
    shown, _slash, latin = name.partition("/")
    return shown, (latin or shown).lower()


def _phone(place: Place, nth: int) -> str:
    """A number of its own for each, as long as the country's fictional range lasts."""
    if place.country == "US":
        code, number = divmod(nth, 100)
        return place.phone.format(AREA_CODES[code], number) if code < len(AREA_CODES) else ""
    if place.country == "GB" and nth > 999:
        return ""
    if place.country == "FR" and nth > 9999:
        return ""
    return place.phone.format(nth)
