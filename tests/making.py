"""What tests begin with: people, products, templates, made through the operations themselves."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from crm import consent, customers, orders, products
from crm.choices import Channel, DecisionSource
from crm.models import Customer

_count = iter(range(1, 1_000_000))


def customer(*, now: datetime, **known: Any) -> Customer:
    """A customer who can be written to by e-mail and SMS, but has allowed nothing yet."""
    number = next(_count)
    facts = {
        "external_id": f"made-{number}",
        "email": f"made{number}@shop.example",
        "phone": f"+44113496{number % 10_000:04d}",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "country": "GB",
        "language": "en",
    }
    person = customers.Person(**{**facts, **known})
    return Customer.objects.get(pk=customers.identify(person=person, now=now))


def subscriber(*, now: datetime, **known: Any) -> Customer:
    """A customer who allows marketing by e-mail and SMS."""
    made = customer(now=now, **known)
    for channel in Channel:
        consent.grant(customer_id=made.pk, channel=channel, source=DecisionSource.SIGN_UP, now=now)
    return made


def product(*, now: datetime, sku: str = "TEA-1", name: str = "Green tea") -> int:
    """A product that costs 12.50 euro."""
    new = products.NewProduct(sku=sku, name=name, price=Decimal("12.50"), currency="EUR")
    return products.record_products(products=[new], now=now)[sku]


def order(*, now: datetime, customer: Customer, number: str = "A-1") -> int:
    """An order of two packets of tea."""
    product(now=now)
    line = orders.NewLine("TEA-1", 2, Decimal("12.50"))
    new = orders.NewOrder(number, customer.pk, now, "EUR", (line,))
    return orders.record_many(orders=[new], now=now)[number]
