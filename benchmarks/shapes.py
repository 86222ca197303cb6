"""Rules from simple to cruel, each beside the best statement that we could write by hand for it.

The statements know what a person who knows the data knows: which set is small, and what to look up
for each of few. `%(now)s` is the moment; they give ids, each once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """One rule, how it would be written by hand, and whether staff would call it simple."""

    name: str
    rules: Mapping[str, Any]
    by_hand: str
    is_simple: bool = False


def _all(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": 1, "all": list(nodes)}


def _any(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"any": list(nodes)}


def _not(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"not": list(nodes)}


def _field(name: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": name, "op": op} | ({} if value is None else {"value": value})


def _did(name: str, **more: Any) -> dict[str, Any]:
    return {"event": name, **more}


_LEEDS = _field("city", "is", "Leeds")
_CHINA = _field("country", "is", "CN")
_GOLD = {"attribute": "tier", "op": "is", "value": "gold"}
_RICH = {"orders": "revenue", "op": "at_least", "value": 500}
_LIKELY = {"score": "buys_90_days", "op": "at_least", "value": 0.7}
_CONSENT = {"consent": "granted", "channel": "email"}
_SUBSCRIBED = _did("tea.subscribed")
_VIEWED_TWICE = _did("product.viewed", at_least=2, within_days=30)
_NO_ORDER_LATELY = {"orders": "recency_days", "op": "more_than", "value": 180}
_BOUGHT_TEA = {"bought": "category", "value": ["Tea"], "within_days": 90}

_IDS = "SELECT id FROM crm_customer WHERE "
_COUNTED = (
    "SELECT customer_id AS id FROM crm_event WHERE name = '{name}' AND occurred_at >="
    " %(now)s::timestamptz - interval '{days} days' AND occurred_at <= %(now)s"
    " GROUP BY 1 HAVING count(*) >= {times}"
)
_DID_EVER = (
    "SELECT DISTINCT customer_id AS id FROM crm_event WHERE name = '{name}'"
    " AND occurred_at <= %(now)s"
)
_TWICE_OF = (
    "(SELECT count(*) FROM crm_event e WHERE e.customer_id = c.id AND e.name = 'product.viewed'"
    " AND e.occurred_at >= %(now)s::timestamptz - interval '30 days'"
    " AND e.occurred_at <= %(now)s) >= 2"
)
_GRANTED = (
    "EXISTS (SELECT FROM crm_consent k WHERE k.customer_id = c.id AND k.channel = 'email'"
    " AND k.purpose = 'marketing' AND k.state = 'granted')"
)
_SPENT = (
    "EXISTS (SELECT FROM crm_orderstatistics s WHERE s.customer_id = c.id AND s.revenue >= {least})"
)
_LAPSED = (
    "SELECT customer_id AS id FROM crm_orderstatistics"
    " WHERE last_order_at < %(now)s::timestamptz - interval '180 days'"
)
_BUYERS = (
    "SELECT DISTINCT o.customer_id AS id FROM crm_product p"
    " JOIN crm_orderline l ON l.product_id = p.id AND l.quantity > 0"
    " JOIN crm_order o ON o.id = l.order_id WHERE p.category = 'Tea' AND o.state = 'placed'"
    " AND o.placed_at >= %(now)s::timestamptz - interval '90 days' AND o.placed_at <= %(now)s"
)
_PROMISING = (
    "SELECT customer_id AS id FROM marketing_score WHERE kind = 'buys_90_days' AND value >= 0.7"
)
_SUBSCRIBERS = _DID_EVER.format(name="tea.subscribed")


def _among(few: str, *tests: str) -> str:
    """The few by themselves first, the rest looked up for each."""
    return (
        f"WITH few AS MATERIALIZED ({few}) SELECT c.id FROM few JOIN crm_customer c USING (id)"
        f" WHERE {' AND '.join(tests)}"
    )


SHAPES = (
    Shape("a city", _all(_LEEDS), _IDS + "city = 'Leeds'", is_simple=True),
    Shape("a country", _all(_CHINA), _IDS + "country = 'CN'", is_simple=True),
    Shape("an attribute", _all(_GOLD), _IDS + "attributes ->> 'tier' = 'gold'", is_simple=True),
    Shape(
        "two fields",
        _all(_CHINA, _field("last_name", "is", "王")),
        _IDS + "country = 'CN' AND last_name = '王'",
        is_simple=True,
    ),
    Shape("a share", _all({"share": 5}), _IDS + "bucket >= 0 AND bucket < 500", is_simple=True),
    Shape(
        "new customers",
        _all(_field("created_at", "within_days", 30)),
        _IDS + "created_at BETWEEN %(now)s::timestamptz - interval '30 days' AND %(now)s",
        is_simple=True,
    ),
    Shape(
        "consent",
        _all(_CONSENT),
        "SELECT customer_id AS id FROM crm_consent WHERE channel = 'email'"
        " AND purpose = 'marketing' AND state = 'granted'",
        is_simple=True,
    ),
    Shape("a score", _all(_LIKELY), _PROMISING, is_simple=True),
    Shape(
        "big spenders",
        _all(_RICH),
        "SELECT customer_id AS id FROM crm_orderstatistics WHERE revenue >= 500",
        is_simple=True,
    ),
    Shape("lapsed", _all(_NO_ORDER_LATELY), _LAPSED, is_simple=True),
    Shape("a rare event", _all(_SUBSCRIBED), _SUBSCRIBERS, is_simple=True),
    Shape(
        "a common event in a month",
        _all(_VIEWED_TWICE),
        _COUNTED.format(name="product.viewed", days=30, times=2),
        is_simple=True,
    ),
    Shape(
        "another segment",
        _all({"segment": 1}),
        "SELECT customer_id AS id FROM marketing_membership WHERE segment_id = 1",
        is_simple=True,
    ),
    Shape(
        "a common event in a year, often",
        _all(_did("page.viewed", at_least=10, within_days=365)),
        _COUNTED.format(name="page.viewed", days=365, times=10),
    ),
    Shape("bought a category", _all(_BOUGHT_TEA), _BUYERS),
    Shape(
        "attributes, an event twice, and revenue",
        _all(_GOLD, _VIEWED_TWICE, _RICH),
        _among(
            _COUNTED.format(name="product.viewed", days=30, times=2),
            "c.attributes ->> 'tier' = 'gold'",
            _SPENT.format(least=500),
        ),
    ),
    Shape(
        "a rare event and much else",
        _all(_SUBSCRIBED, _CONSENT, _RICH, _VIEWED_TWICE),
        _among(_SUBSCRIBERS, _GRANTED, _SPENT.format(least=500), _TWICE_OF),
    ),
    Shape(
        "never did something common",
        _all(_did("page.viewed", at_most=0)),
        f"SELECT id FROM crm_customer EXCEPT ({_DID_EVER.format(name='page.viewed')})",
    ),
    Shape(
        "never did, in a city, with consent",
        _all(_LEEDS, _did("checkout.started", at_most=0), _CONSENT),
        "WITH did AS MATERIALIZED ("
        + _DID_EVER.format(name="checkout.started")
        + "), granted AS MATERIALIZED (SELECT customer_id FROM crm_consent WHERE channel = 'email'"
        " AND purpose = 'marketing' AND state = 'granted')"
        " SELECT c.id FROM crm_customer c JOIN granted g ON g.customer_id = c.id"
        " LEFT JOIN did ON did.id = c.id WHERE c.city = 'Leeds' AND did.id IS NULL",
    ),
    Shape(
        "cart left",
        _all(
            _did("cart.product_added", within_days=7),
            _did("checkout.started", at_most=0, within_days=7),
        ),
        _COUNTED.format(name="cart.product_added", days=7, times=1)
        + " EXCEPT "
        + _COUNTED.format(name="checkout.started", days=7, times=1),
    ),
    Shape(
        "one of three",
        _all(_any(_SUBSCRIBED, _LIKELY, _BOUGHT_TEA)),
        f"{_SUBSCRIBERS} UNION {_PROMISING} UNION {_BUYERS}",
    ),
    Shape(
        "one of two, and consent",
        _all(_any(_SUBSCRIBED, _BOUGHT_TEA), _CONSENT),
        _among(f"{_SUBSCRIBERS} UNION {_BUYERS}", _GRANTED),
    ),
    Shape(
        "neither of two, in a country",
        _all(_CHINA, _not(_LIKELY, _did("support.asked"))),
        "SELECT c.id FROM crm_customer c WHERE country = 'CN' AND NOT EXISTS ("
        "SELECT FROM marketing_score s WHERE s.customer_id = c.id AND s.kind = 'buys_90_days'"
        f" AND s.value >= 0.7) AND id NOT IN ({_DID_EVER.format(name='support.asked')})",
    ),
    Shape(
        "by property",
        _all(
            _did(
                "product.viewed",
                within_days=30,
                where=[{"property": "sku", "op": "is", "value": "P-7"}],
            )
        ),
        "SELECT DISTINCT customer_id AS id FROM crm_event WHERE name = 'product.viewed'"
        " AND occurred_at >= %(now)s::timestamptz - interval '30 days'"
        " AND occurred_at <= %(now)s AND properties ->> 'sku' = 'P-7'",
    ),
    Shape(
        "by property, of few",
        _all(
            _SUBSCRIBED,
            _did("product.viewed", where=[{"property": "sku", "op": "is", "value": "P-31"}]),
        ),
        _among(
            _SUBSCRIBERS,
            "EXISTS (SELECT FROM crm_event e WHERE e.customer_id = c.id"
            " AND e.name = 'product.viewed' AND e.occurred_at <= %(now)s"
            " AND e.properties ->> 'sku' = 'P-31')",
        ),
    ),
    Shape(
        "about to churn",
        _all(
            {"orders": "count", "op": "at_least", "value": 2},
            _NO_ORDER_LATELY,
            _field("last_seen_at", "not_within_days", 30),
        ),
        "SELECT c.id FROM crm_orderstatistics s JOIN crm_customer c ON c.id = s.customer_id"
        " WHERE s.orders >= 2 AND s.last_order_at < %(now)s::timestamptz - interval '180 days'"
        " AND (c.last_seen_at IS NULL"
        " OR c.last_seen_at NOT BETWEEN %(now)s::timestamptz - interval '30 days' AND %(now)s)",
    ),
    Shape(
        "orders of a window",
        _all({"orders": "revenue", "op": "at_least", "value": 300, "within_days": 90}),
        "SELECT customer_id AS id FROM crm_order WHERE state = 'placed' AND customer_id IS NOT NULL"
        " AND placed_at BETWEEN %(now)s::timestamptz - interval '90 days' AND %(now)s"
        " GROUP BY 1 HAVING sum(total) >= 300",
    ),
    Shape(
        "a member who did and can be reached",
        _all({"segment": 1}, _did("checkout.started", within_days=30), _CONSENT),
        _among(
            _COUNTED.format(name="checkout.started", days=30, times=1),
            "EXISTS (SELECT FROM marketing_membership m WHERE m.segment_id = 1"
            " AND m.customer_id = c.id)",
            _GRANTED,
        ),
    ),
    Shape(
        "three common events at once",
        _all(
            _did("page.viewed", within_days=30),
            _did("product.viewed", within_days=30),
            _did("cart.product_added", within_days=30),
        ),
        _among(
            _COUNTED.format(name="cart.product_added", days=30, times=1),
            f"c.id IN ({_COUNTED.format(name='page.viewed', days=30, times=1)})",
            f"c.id IN ({_COUNTED.format(name='product.viewed', days=30, times=1)})",
        ),
    ),
    Shape(
        "nested four deep",
        _all(
            _CONSENT,
            _any(
                {"all": [_GOLD, _any(_SUBSCRIBED, _not(_NO_ORDER_LATELY))]},
                {"all": [_LIKELY, _did("support.asked", at_most=0)]},
            ),
        ),
        "WITH subscribed AS MATERIALIZED ("
        + _SUBSCRIBERS
        + "), lapsed AS MATERIALIZED ("
        + _LAPSED
        + "), asked AS MATERIALIZED ("
        + _DID_EVER.format(name="support.asked")
        + "), granted AS MATERIALIZED (SELECT customer_id FROM crm_consent"
        " WHERE channel = 'email' AND purpose = 'marketing' AND state = 'granted'),"
        " likely AS MATERIALIZED ("
        + _PROMISING
        + ") SELECT c.id FROM crm_customer c JOIN granted g ON g.customer_id = c.id"
        " LEFT JOIN subscribed ON subscribed.id = c.id LEFT JOIN lapsed ON lapsed.id = c.id"
        " LEFT JOIN asked ON asked.id = c.id LEFT JOIN likely ON likely.id = c.id"
        " WHERE (c.attributes ->> 'tier' = 'gold'"
        " AND (subscribed.id IS NOT NULL OR lapsed.id IS NULL))"
        " OR (likely.id IS NOT NULL AND asked.id IS NULL)",
    ),
    Shape(
        "a text inside a field",
        _all(_field("email", "contains", "smith"), _field("country", "is", "GB")),
        _IDS + "strpos(lower(email), 'smith') > 0 AND country = 'GB'",
    ),
    Shape(
        "nobody",
        _all(_SUBSCRIBED, _did("tea.unheard_of")),
        _among(_DID_EVER.format(name="tea.unheard_of"), f"c.id IN ({_SUBSCRIBERS})"),
        is_simple=True,
    ),
)
