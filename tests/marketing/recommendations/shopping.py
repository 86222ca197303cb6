"""Small shops for recommendations: who bought what how many days ago."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

from crm.models import Customer, Order, OrderLine, Product
from marketing import training
from marketing.choices import RunKind
from marketing.models import TrainingRun

_numbers = count(1)
Bought = tuple[str, float]


def products(names: Sequence[str], *, now: datetime, category: str = "Tea") -> dict[str, int]:
    """Products on sale, named by their SKUs; gives their ids."""
    made = Product.objects.bulk_create(
        Product(
            sku=name,
            name=f"{name} of ours",
            category=category,
            price=Decimal(10 + place),
            currency="EUR",
            url=f"https://shop.example/{name}",
            created_at=now,
        )
        for place, name in enumerate(names)
    )
    return {one.sku: one.pk for one in made}


def people(bought: Sequence[Sequence[Bought]], *, now: datetime) -> list[int]:
    """Customers who bought these (SKU, days ago), each in an order of its own; gives their ids."""
    made = Customer.objects.bulk_create(
        Customer(created_at=now, bucket=place % 10_000) for place in range(len(bought))
    )
    pairs = zip(made, bought, strict=True)
    _order([(one.pk, sku, days) for one, own in pairs for sku, days in own], 1, now)
    return [customer.pk for customer in made]


def buy(customer_id: int, *bought: Bought, now: datetime) -> None:
    """Somebody buys more."""
    _order([(customer_id, sku, days) for sku, days in bought], 1, now)


def give_back(customer_id: int, *returned: Bought, now: datetime) -> None:
    """Somebody brings a piece of each back, as an order of less than nothing."""
    _order([(customer_id, sku, days) for sku, days in returned], -1, now)


def _order(bought: Sequence[tuple[int, str, float]], quantity: int, now: datetime) -> None:
    ids = dict(Product.objects.values_list("sku", "pk"))
    orders = Order.objects.bulk_create(
        Order(
            number=f"N-{next(_numbers)}",
            customer_id=customer_id,
            placed_at=now - timedelta(days=days),
            currency="EUR",
            total=10 * quantity,
        )
        for customer_id, _, days in bought
    )
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product_id=ids[sku], quantity=quantity, unit_price=10)
        for order, (_, sku, _) in zip(orders, bought, strict=True)
    )


def learnt(*, now: datetime) -> TrainingRun:
    """A run, made at once."""
    asked = training.request(kind=RunKind.RECOMMENDATIONS, now=now)
    return training.run(run_id=asked.pk, now=now)


def habits(*, people: int = 160) -> list[list[Bought]]:
    """What people with one of four tastes bought: some of its twelve products."""
    drawn = Random(7)
    found = []
    for number in range(people):
        taste = number % 4
        own = [f"{taste}-{one}" for one in range(12)]
        drawn.shuffle(own)
        found.append([(sku, drawn.uniform(0, 300)) for sku in own[: drawn.randint(4, 7)]])
    return found


SKUS = [f"{taste}-{one}" for taste in range(4) for one in range(12)]
