"""Templates see plain data about a customer, gathered for many at once."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from crm import extensions, orders, variables
from crm.rendering import check_plain
from tests import making

pytestmark = pytest.mark.django_db


def favourite(*, customer_ids: list[int], now: datetime) -> dict[int, str]:
    """A variable as an app above provides it."""
    return dict.fromkeys(customer_ids, "Sencha")


def test_a_customer_is_known_with_the_last_order(now: datetime) -> None:
    making.product(now=now)
    customer = making.customer(now=now, first_name="Ada", time_zone="Europe/London")
    line = orders.NewLine("TEA-1", 2, Decimal("12.50"))
    orders.record_many(
        orders=[
            orders.NewOrder("A-1", customer.pk, now - timedelta(days=9), "EUR", (line,)),
            orders.NewOrder("A-2", customer.pk, now, "EUR", (line, line)),
        ],
        now=now,
    )

    known = variables.gather_many(customer_ids=[customer.pk], now=now)[customer.pk]

    assert known["customer"]["full_name"] == "Ada Lovelace"
    assert known["orders"]["count"] == 2
    assert known["orders"]["revenue"] == 75.0
    assert known["orders"]["last"]["number"] == "A-2"
    assert [product["name"] for product in known["orders"]["last"]["products"]] == ["Green tea"] * 2
    assert (known["language"], known["timezone"]) == ("en", "Europe/London")
    check_plain(dict(known))


def test_who_never_ordered_has_no_last_order(now: datetime) -> None:
    customer = making.customer(now=now)

    known = variables.gather_many(customer_ids=[customer.pk, 0], now=now)

    assert list(known) == [customer.pk]
    assert known[customer.pk]["orders"] == {"count": 0, "revenue": 0.0, "last": None}


def test_apps_above_add_variables_by_name(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = making.customer(now=now)
    registry = extensions.Registry("Template variable")
    registry.register("favourite", f"{__name__}.favourite")
    monkeypatch.setattr(variables, "template_variables", registry)

    known = variables.gather_many(customer_ids=[customer.pk], now=now)

    assert known[customer.pk]["favourite"] == "Sencha"


def test_five_hundred_people_take_a_handful_of_statements(
    now: datetime, django_assert_max_num_queries: object
) -> None:
    ids = [making.customer(now=now).pk for _ in range(20)]

    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(variables.gather_many(customer_ids=ids, now=now)) == 20
