"""Loading the demo shop through the operations, all or nothing, stage by stage."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from crm import consent, customers, events, orders, products, rollups
from crm.models import Customer
from marketing import training
from marketing.choices import RunKind

from . import (
    answers,
    care,
    catalogue,
    firms,
    letters,
    people,
    permission,
    plans,
    sessions,
    shopping,
    talks,
    traffic,
    untidy,
)

Progress = Callable[[str, float], None]
# A newsletter shows so many products.
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the shop has now."""

    customers: int
    products: int
    orders: int
    events: int
    decisions: int
    segments: int


def load(*, seed: int, count: int, now: datetime, progress: Progress) -> Loaded:
    """Make the same shop for the same seed, number of customers and day, and load it."""
    # Customers draw their permanent bucket from this generator.
    random.seed(seed)
    drawn = random.Random(seed)  # noqa: S311 - a play, not a secret
    with transaction.atomic():
        loaded = _load(drawn, count, now, progress)
        progress("questions and answers", 0.97)
        answers.teach()
        for kind in RunKind:
            training.request(kind=kind, now=now)
    with connection.cursor() as cursor:
        # The planner counts now; its own sweep would come after the first questions.
        cursor.execute("ANALYZE")
    progress("duplicates and faults", 0.98)
    untidy.look_through(now=now)
    _count_days(now)
    progress("done", 1.0)
    return replace(loaded, customers=Customer.objects.count())


def _load(drawn: random.Random, count: int, now: datetime, progress: Progress) -> Loaded:
    progress("products", 0.0)
    shop = catalogue.stock(
        drawn=drawn, currency=settings.SHOP_CURRENCY, shop_url=settings.PUBLIC_URL
    )
    products.record_products(products=shop.products, now=now)
    progress("customers", 0.02)
    firms.define(now=now)
    shoppers = people.populate(drawn=drawn, count=count, now=now)
    ids = customers.identify_many(people=[shopper.person for shopper in shoppers], now=now)
    progress("two years of shopping", 0.2)
    diary = shopping.live(drawn=drawn, shoppers=shoppers, ids=ids, shop=shop, now=now)
    progress("orders", 0.3)
    orders.record_many(orders=diary.orders, now=now)
    orders.refund_many(refunds=shopping.refunds(diary=diary, now=now), now=now)
    progress("browsing", 0.55)
    diary.events += sessions.walk(shoppers=shoppers, ids=ids, shop=shop, now=now)
    events.record_many(events=diary.events, now=now)
    progress("consents", 0.7)
    decided = permission.decisions(drawn=drawn, shoppers=shoppers, ids=ids, now=now)
    decided += permission.unanswered(shoppers=shoppers, ids=ids, decided=decided, now=now)
    consent.decide_many(decisions=decided, now=now)
    bounced = permission.suppressions(drawn=drawn, shoppers=shoppers)
    consent.suppress_many(suppressions=bounced, now=now)
    progress("companies, notes and tasks", 0.78)
    _keep_house(shoppers, ids, shop, now)
    progress("days of events", 0.84)
    _count_days(now)
    progress("templates, segments and drafts", 0.93)
    talks.pause_one(customer_id=ids[0], now=now)
    published = letters.publish_all(products=shop.products[::97][:SHOWN], now=now)
    made = plans.plan_segments(now=now)
    plans.plan_broadcasts(published=published, made=made)
    talks.write_in(shoppers=shoppers, now=now)
    return Loaded(
        customers=len(ids),
        products=len(shop.products),
        orders=len(diary.orders),
        events=len(diary.events),
        decisions=len(decided),
        segments=len(made),
    )


def _count_days(now: datetime) -> None:
    while rollups.run_due(now=now):
        pass


def _keep_house(
    shoppers: list[people.Shopper], ids: list[int], shop: catalogue.Catalogue, now: datetime
) -> None:
    """What staff do beside selling: who belongs where, what is promised, what is not tidy."""
    firms.employ(ids=ids, now=now)
    care.keep(ids=ids, now=now)
    care.ask_for_data(ids=ids, now=now)
    traffic.bring_a_file(now=now)
    traffic.take_a_file(now=now)
    traffic.tell_somebody(now=now)
    traffic.refuse_some(now=now)
    untidy.write_down_twice(shoppers=shoppers, now=now)
    untidy.bring_faults(shoppers=shoppers, now=now)
    dearest = max(shop.products, key=lambda product: product.price)
    oldest = min(range(len(ids)), key=lambda nth: shoppers[nth].joined_at)
    untidy.order_too_many(customer_id=ids[oldest], product=dearest, now=now)
