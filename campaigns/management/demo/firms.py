"""Companies whose people shop there, and what the attributes of customers mean."""

from collections.abc import Sequence
from datetime import datetime

from crm import attributes, companies
from crm.attributes import Definition
from crm.choices import AttributeType
from crm.companies import Membership, NewCompany

FIRMS = (
    NewCompany("hotel-lindenhof", "Hotel Lindenhof", "lindenhof.example", "Hotels", "DE", 48),
    NewCompany("harbour-cafe", "Harbour Café", "harbour.example", "Restaurants", "GB", 12),
    NewCompany("studio-nord", "Studio Nord", "studionord.example", "Design", "DE", 9),
    NewCompany("mercer-law", "Mercer & Daughters", "mercer.example", "Law", "US", 140),
    NewCompany("shanghai-tea", "上海茶馆", "chaguan.example", "Restaurants", "CN", 26),
    NewCompany("green-school", "Green Valley School", "greenvalley.example", "Education", "GB", 75),
    NewCompany("atelier-lilas", "Atelier des Lilas", "lilas.example", "Design", "FR", 6),
    NewCompany("oak-clinic", "Oak Street Clinic", "oakclinic.example", "Health", "US", 210),
)
ROLES = ("Buyer", "Owner", "Office", "Kitchen", "")
EVERY = 40

TAKEN_ON = (
    Definition("birthday", "Birthday", AttributeType.DATE),
    Definition(
        "found_us_by",
        "Found us by",
        AttributeType.CHOICE,
        ("friend", "search", "newspaper", "market stall"),
        frozenset(),
    ),
    Definition("household", "People in the household", AttributeType.NUMBER, (), frozenset()),
    Definition("likes_wrapping", "Likes gift wrapping", AttributeType.BOOLEAN, (), frozenset()),
)


def define(*, now: datetime) -> None:
    """Take the shop's attributes on; the others wait as seen."""
    for wanted in TAKEN_ON:
        attributes.define(wanted=wanted, now=now)


def employ(*, ids: Sequence[int], now: datetime) -> None:
    """Record the companies, and let some customers belong to them."""
    companies.record_many(companies=FIRMS, now=now)
    members = [
        Membership(FIRMS[nth % len(FIRMS)].key, customer_id, ROLES[nth % len(ROLES)])
        for nth, customer_id in enumerate(ids[::EVERY])
    ]
    companies.join_many(memberships=members, now=now)
