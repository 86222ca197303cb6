"""Conditions about orders: recency, frequency, monetary value, and what was bought."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketing.rules import operators, values
from marketing.rules.base import Payload, Sql, wrap
from marketing.rules.errors import RuleError

from .behaviour import windowed

# Each figure: from the statistics kept per customer; over a window of orders; and its name.
FIGURES: Mapping[str, tuple[str, str, object]] = {
    "count": ("s.orders", "count(o.id)", gettext_lazy("number of orders")),
    "revenue": ("s.revenue", "coalesce(sum(o.total), 0)", gettext_lazy("revenue")),
    "average": ("s.revenue / nullif(s.orders, 0)", "avg(o.total)", gettext_lazy("average order")),
    "recency_days": (
        "extract(epoch FROM %s - s.last_order_at) / 86400",
        "",
        gettext_lazy("days since the last order"),
    ),
    "tenure_days": (
        "extract(epoch FROM %s - s.first_order_at) / 86400",
        "",
        gettext_lazy("days since the first order"),
    ),
}
# What nobody has who never ordered: zero orders and zero revenue, but no average and no recency.
COUNTS_FROM_ZERO = ("count", "revenue")


@dataclass(frozen=True)
class OrderFigure:
    """A figure over orders: `{"orders": "revenue", "op": "at_least", "value": 500}`."""

    figure: str
    question: operators.Question
    within_days: int | None

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("orders", "op", "value", "within_days"), path)
        figure = values.choice(payload["orders"], f"{path}.orders", list(FIGURES))
        within = values.optional_days(payload, path)
        if within is not None and not FIGURES[figure][1]:
            raise RuleError(
                f"{path}.within_days",
                _("This figure looks at all orders."),
                _("Leave “within_days” out."),
            )
        return cls(figure, operators.parse_number(payload, path), within)

    def sql(self, now: datetime) -> Sql:
        """Ask the kept statistics, or the orders of the window."""
        return self._kept(now) if self.within_days is None else self._windowed(now)

    def sentence(self) -> str:
        """Say it."""
        what = windowed(str(FIGURES[self.figure][2]), self.within_days)
        return self.question.sentence(what)

    def _kept(self, now: datetime) -> Sql:
        expression = FIGURES[self.figure][0]
        left = Sql(expression, (now,) if "%s" in expression else ())
        asked = Sql("SELECT s.customer_id FROM crm_orderstatistics s WHERE ")
        inside = wrap("c.id IN (", asked + self.question.sql(left, now), ")")
        if self.figure not in COUNTS_FROM_ZERO:
            return inside
        zero = Sql("c.id NOT IN (SELECT s.customer_id FROM crm_orderstatistics s) AND ")
        return wrap("(", inside + Sql(" OR (") + zero + self._zero(now), "))")

    def _windowed(self, now: datetime) -> Sql:
        since = now - timedelta(days=self.within_days or 0)
        orders = Sql(
            "SELECT o.customer_id FROM crm_order o WHERE o.state = 'placed'"
            " AND o.customer_id IS NOT NULL AND o.placed_at BETWEEN %s AND %s",
            (since, now),
        )
        having = self.question.sql(Sql(FIGURES[self.figure][1]), now)
        counted = orders + Sql(" GROUP BY o.customer_id HAVING ") + having
        inside = wrap("c.id IN (", counted, ")")
        if self.figure not in COUNTS_FROM_ZERO:
            return inside
        zero = wrap("c.id NOT IN (", orders, ") AND ") + self._zero(now)
        return wrap("(", inside + Sql(" OR (") + zero, "))")

    def _zero(self, now: datetime) -> Sql:
        return self.question.sql(Sql("0"), now)


@dataclass(frozen=True)
class Bought:
    """What was bought: `{"bought": "category", "value": ["Tea"], "within_days": 90}`."""

    by: str
    wanted: tuple[str, ...]
    at_least: int
    within_days: int | None

    # What products can be chosen by: the column and its name.
    BY = {
        "product": ("sku", gettext_lazy("product")),
        "category": ("category", gettext_lazy("category")),
        "brand": ("brand", gettext_lazy("brand")),
    }

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; `at_least` counts orders."""
        values.only_keys(payload, ("bought", "value", "at_least", "within_days"), path)
        return cls(
            values.choice(payload["bought"], f"{path}.bought", list(cls.BY)),
            values.texts(payload.get("value"), f"{path}.value"),
            values.whole(payload.get("at_least", 1), f"{path}.at_least", 1, 1_000_000),
            values.optional_days(payload, path),
        )

    def sql(self, now: datetime) -> Sql:
        """Go from the few products to their orders."""
        statement = Sql(
            "c.id IN (SELECT o.customer_id FROM crm_product p"
            " JOIN crm_orderline l ON l.product_id = p.id AND l.quantity > 0"
            " JOIN crm_order o ON o.id = l.order_id"
            " WHERE o.state = 'placed' AND o.customer_id IS NOT NULL AND o.placed_at <= %s"
            " AND p.",
            (now,),
        ) + Sql(self.BY[self.by][0] + " = ANY(%s)", (list(self.wanted),))
        if self.within_days is not None:
            since = now - timedelta(days=self.within_days)
            statement += Sql(" AND o.placed_at >= %s", (since,))
        return statement + Sql(
            " GROUP BY o.customer_id HAVING count(DISTINCT o.id) >= %s)", (self.at_least,)
        )

    def sentence(self) -> str:
        """Say it."""
        said = (
            _("bought %(by)s %(value)s in at least %(n)d orders")
            if self.at_least > 1
            else _("bought %(by)s %(value)s")
        )
        shown = said % {
            "by": self.BY[self.by][1],
            "value": operators.said(self.wanted),
            "n": self.at_least,
        }
        return windowed(shown, self.within_days)
