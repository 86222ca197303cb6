"""A message keeps what its template read, so that it can be shown again, and nothing else."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from crm.messages import keeping, links
from crm.models import SharedValue
from crm.rendering import compile_template, share

pytestmark = pytest.mark.django_db


def kept(value: Any) -> Any:
    return json.loads(keeping.freeze(value=value))


@pytest.mark.parametrize(
    "value",
    [
        {"at": datetime(2026, 4, 14, 12, tzinfo=UTC), "on": date(2026, 4, 14)},
        {"exact": Decimal("1.50"), "list": [1, "two", None, True, 2.5]},
        {"$moment": "2026-04-14"},
        {"attributes": {"$shared": [1, 2]}},
        {"attributes": {"$plain": {"$shared": [7]}}},
        {"list": [{"$number": "x"}]},
        {},
    ],
)
def test_what_is_kept_comes_back_as_it_was_whatever_it_looks_like(value: dict[str, Any]) -> None:
    assert keeping.thaw(value=kept(value)) == value


def test_only_what_the_template_reads_is_kept() -> None:
    template = compile_template(
        channel="email",
        html="{{ customer.first_name }}{{ customer['city'] }}{% for p in orders.last.products %}"
        "{{ p.name }}{% endfor %}",
    )
    variables = {
        "customer": {"first_name": "Ada", "city": "London", "email": "ada@shop.example"},
        "orders": {"count": 3, "last": {"products": [{"name": "Tea"}], "number": "A-1"}},
        "shop": {"name": "Tea Room"},
        "language": "en",
        "timezone": "UTC",
        "currency": "EUR",
    }

    read = keeping.keep_many(many={7: variables}, paths=template.reads)[7]

    assert read == {
        "customer": {"first_name": "Ada", "city": "London"},
        "orders": {"last": {"products": [{"name": "Tea"}]}},
        "language": "en",
        "timezone": "UTC",
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer|count }}{{ customer.first_name }}",
        "{% set c = customer %}{{ c.first_name }}",
        "{{ customer[key] }}{{ customer.first_name }}",
        "{% for name, value in customer.items() %}{{ name }}{% endfor %}",
        "{{ orders.last.date|date }}{{ customer.first_name.upper() }}",
    ],
)
def test_a_template_shows_the_same_from_what_is_kept(source: str) -> None:
    template = compile_template(channel="email", html=source)
    variables = {
        "customer": {"first_name": "Ada", "city": "London"},
        "orders": {"last": {"date": datetime(2026, 4, 14, 12, tzinfo=UTC), "number": "A-1"}},
        "key": "city",
        "language": "en",
        "timezone": "UTC",
    }
    signed = links(message_id=1)
    read = keeping.keep_many(many={7: variables}, paths=template.reads)[7]
    again = keeping.thaw(value=kept(read))

    assert template.encode(variables=again, links=signed) == template.encode(
        variables=variables, links=signed
    )


def test_what_many_share_is_kept_once() -> None:
    tea, cake = share({"name": "Tea", "price": 5.0}), share({"name": "Cake", "price": 3.0})
    many = {1: {"products": [tea, cake]}, 2: {"products": [tea]}}

    once = keeping.keep_many(many=many, paths={"products"})
    again = keeping.keep_many(many=many, paths={"products"})

    assert SharedValue.objects.count() == 2
    assert once == again
    first, second = (kept(read) for read in once.values())
    assert len(first["products"]["$shared"]) == 2
    assert second["products"]["$shared"] == first["products"]["$shared"][:1]
    assert keeping.thaw(value=first) == many[1]


def test_what_another_worker_kept_before_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tea = share({"name": "Oolong", "price": 5.0})
    keeping.keep_many(many={1: {"products": [tea]}}, paths={"products"})
    monkeypatch.setattr(keeping, "_known", {})

    keeping.keep_many(many={1: {"products": [tea]}}, paths={"products"})

    assert SharedValue.objects.count() == 1
    assert keeping.thaw(value=kept({"products": [tea]})) == {"products": [tea]}


def test_what_is_shared_but_was_not_kept_is_written_out() -> None:
    tea = share({"name": "Never kept", "price": 5.0})

    assert kept({"products": [tea]}) == {"products": [{"name": "Never kept", "price": 5.0}]}
