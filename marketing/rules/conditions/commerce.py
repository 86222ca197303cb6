"""Conditions about orders: recency, frequency, monetary value, and what was bought."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketing.rules import operators, values, windows
from marketing.rules.base import ORDER, Asked, Payload, Sql, exists, wrap
from marketing.rules.errors import RuleError
from marketing.rules.windows import Span

# Each figure: from the statistics kept per customer; over a window of orders; and its name.
FIGURES: Mapping[str, tuple[str, str, object]] = {
    "count": ("s.orders", "count(o.id)", gettext_lazy("number of orders")),
    "revenue": ("s.revenue", "coalesce(sum(o.total), 0)", gettext_lazy("revenue")),
    "average": ("s.revenue / nullif(s.orders, 0)", "avg(o.total)", gettext_lazy("average order")),
    "recency_days": ("s.last_order_at", "", gettext_lazy("days since the last order")),
    "tenure_days": ("s.first_order_at", "", gettext_lazy("days since the first order")),
}
# Kept as the moment from which the days are counted.
AGES = ("recency_days", "tenure_days")
_OLDER = {"is": "=", "at_least": "<=", "at_most": ">=", "more_than": "<", "less_than": ">"}
_ORDERS = Sql(
    "SELECT o.customer_id FROM crm_order o WHERE o.state = 'placed' AND o.customer_id IS NOT NULL"
)
# What nobody has who never ordered: zero orders and zero revenue, but no average and no recency.
COUNTS_FROM_ZERO = ("count", "revenue")


@dataclass(frozen=True)
class OrderFigure:
    """A figure over orders: `{"orders": "revenue", "op": "at_least", "value": 500}`."""

    figure: str
    question: operators.Question
    span: Span

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("orders", "op", "value", *windows.KEYS), path)
        figure = values.choice(payload["orders"], f"{path}.orders", list(FIGURES))
        span = Span.parse(payload, path)
        if not span.is_ever and not FIGURES[figure][1]:
            raise RuleError(
                f"{path}.{next(key for key in windows.KEYS if key in payload)}",
                _("This figure looks at all orders."),
                _("Leave “within_days”, “since” and “until” out."),
            )
        return cls(figure, operators.parse_number(payload, path), span)

    def ask(self, now: datetime) -> Asked:
        """Ask the kept statistics, or the orders of the window."""
        return self._kept(now) if self.span.is_ever else self._windowed(now)

    def subjects(self) -> frozenset[str]:
        """The orders."""
        return frozenset({ORDER})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose orders came into the window or left it, or came to be so many days old."""
        if not self.span.is_ever:
            return self.span.crossed(_ORDERS, "o.placed_at", since, until)
        if self.figure not in AGES:
            return None
        return _ORDERS + Sql(
            " AND o.placed_at BETWEEN %s AND %s", (self._then(since), self._then(until))
        )

    def sentence(self) -> str:
        """Say it."""
        return self.question.sentence(self.span.said(str(FIGURES[self.figure][2])))

    def _kept(self, now: datetime) -> Asked:
        left = FIGURES[self.figure][0]
        mine = " FROM crm_orderstatistics s WHERE s.customer_id = c.id)"
        value = wrap("(SELECT ", Sql(left), mine)
        if self.figure in COUNTS_FROM_ZERO:
            value = wrap("coalesce(", value, ", 0)")
        rows = Sql("SELECT s.customer_id FROM crm_orderstatistics s WHERE ")
        asked = self._asked(value, rows, Sql(left), now)
        found = self._question(Sql(left), now)
        where = found if asked.inside else wrap("NOT ", found)
        return replace(asked, kept=("crm_orderstatistics", where), effort=1)

    def _windowed(self, now: datetime) -> Asked:
        placed = wrap(" AND ", self.span.where("o.placed_at", now))
        figure = FIGURES[self.figure][1]
        mine = " FROM crm_order o WHERE o.state = 'placed' AND o.customer_id = c.id"
        value = wrap("(SELECT ", Sql(figure + mine) + placed, ")")
        rows = _ORDERS + placed + Sql(" GROUP BY o.customer_id HAVING ")
        return self._asked(value, rows, Sql(figure), now)

    def _asked(self, value: Sql, rows: Sql, left: Sql, now: datetime) -> Asked:
        """Where nothing at all answers yes, those are kept who answer no."""
        test = wrap("(", self._question(value, now), " IS TRUE)")
        found = self._question(left, now)
        if self.figure in COUNTS_FROM_ZERO and self.question.is_true_of(0):
            members = rows + wrap("NOT ", found)
            return Asked(test, members, inside=False, names_once=True, effort=5)
        return Asked(test, rows + found, names_once=True, effort=5)

    def _question(self, left: Sql, now: datetime) -> Sql:
        if self.figure not in AGES:
            return self.question.bare(left, now)
        # So many days ago, rather than how many days ago: an index knows moments.
        older = Sql(f" {_OLDER[self.question.op]} %s", (self._then(now),))
        return wrap("(", left + older, ")")

    def _then(self, now: datetime) -> datetime | str:
        """So many days before a moment; beyond the ends of time, as PostgreSQL calls them."""
        try:
            return now - timedelta(days=self.question.value)
        except OverflowError:
            return "-infinity" if self.question.value > 0 else "infinity"


@dataclass(frozen=True)
class Bought:
    """What was bought: `{"bought": "category", "value": ["Tea"], "within_days": 90}`."""

    by: str
    wanted: tuple[str, ...]
    at_least: int
    span: Span

    # What products can be chosen by: the column and its name.
    BY = {
        "product": ("sku", gettext_lazy("product")),
        "category": ("category", gettext_lazy("category")),
        "brand": ("brand", gettext_lazy("brand")),
    }

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; `at_least` counts orders."""
        values.only_keys(payload, ("bought", "value", "at_least", *windows.KEYS), path)
        return cls(
            values.choice(payload["bought"], f"{path}.bought", list(cls.BY)),
            values.texts(payload.get("value"), f"{path}.value"),
            values.whole(payload.get("at_least", 1), f"{path}.at_least", 1, 1_000_000),
            Span.parse(payload, path),
        )

    def ask(self, now: datetime) -> Asked:
        """Go from the few products to their orders, or from the orders of one customer."""
        rows = Sql(
            " FROM crm_product p JOIN crm_orderline l ON l.product_id = p.id AND l.quantity > 0"
            " JOIN crm_order o ON o.id = l.order_id WHERE o.state = 'placed'"
            f" AND p.{self.BY[self.by][0]} = ANY(%s) AND ",
            (list(self.wanted),),
        ) + self.span.where("o.placed_at", now)
        mine = rows + Sql(" AND o.customer_id = c.id")
        all_of_them = wrap("SELECT o.customer_id", rows, " AND o.customer_id IS NOT NULL")
        if self.at_least == 1:
            return Asked(exists(wrap("SELECT 1", mine)), all_of_them, effort=8)
        counted = wrap("(SELECT count(DISTINCT o.id)", mine, ")") + Sql(" >= %s", (self.at_least,))
        many = Sql(" GROUP BY o.customer_id HAVING count(DISTINCT o.id) >= %s", (self.at_least,))
        return Asked(wrap("(", counted, ")"), all_of_them + many, names_once=True, effort=8)

    def subjects(self) -> frozenset[str]:
        """The orders."""
        return frozenset({ORDER})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose orders came into the window or left it."""
        return self.span.crossed(_ORDERS, "o.placed_at", since, until)

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
        return self.span.said(shown)
