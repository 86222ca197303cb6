"""The dashboard's figures as tiles and charts, in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _

from crm import consent
from crm.admin.charts import BarChart, Spark, bar_chart, spark
from crm.choices import Channel
from marketing.dashboards import Day, Figures, Trend

DAYS_SHOWN = 30
WEEK = 7


@dataclass(frozen=True)
class Part:
    """A share of a tile."""

    title: str
    count: int
    percent: float


@dataclass(frozen=True)
class Tile:
    """One figure with what it is compared to."""

    title: str
    icon: str
    figure: str
    note: str
    change: float | None = None
    spark: Spark | None = None
    parts: Sequence[Part] = field(default_factory=list)

    @property
    def change_size(self) -> float:
        """The change without its sign, which an arrow shows."""
        return abs(self.change or 0.0)


@dataclass(frozen=True)
class Chart:
    """A titled chart, and what is said while it is empty."""

    title: str
    icon: str
    note: str
    drawn: BarChart
    empty: str


@dataclass(frozen=True)
class Board:
    """All that the figures come to on the page."""

    tiles: list[Tile]
    charts: list[Chart]
    computed_at: datetime


def draw(figures: Figures) -> Board:
    """Lay the figures out."""
    tiles = [
        _customers(figures),
        _reach(figures),
        _revenue(figures),
        _sent(figures),
    ]
    return Board(tiles, [_revenue_chart(figures), _sent_chart(figures)], figures.computed_at)


def _customers(figures: Figures) -> Tile:
    new = _whole(figures.new_customers.value)
    return Tile(
        _("Customers"),
        "group",
        _whole(figures.customers),
        _("%(new)s new in 30 days") % {"new": new},
        figures.new_customers.change_percent,
        _spark(figures.new_customers),
    )


def _reach(figures: Figures) -> Tile:
    parts = [_reach_part(channel, reach) for channel, reach in figures.reach.items()]
    best = max((part.percent for part in parts), default=0.0)
    return Tile(
        _("Reach"),
        "cell_tower",
        f"{formats.number_format(best, 0)}%",
        _("may get marketing by the best channel"),
        parts=parts,
    )


def _reach_part(channel: Channel, reach: consent.Reach) -> Part:
    percent = 100 * reach.reachable / reach.total if reach.total else 0.0
    return Part(str(channel.label), reach.reachable, percent)


def _revenue(figures: Figures) -> Tile:
    return Tile(
        _("Revenue in 30 days"),
        "payments",
        f"{_whole(figures.revenue.value)} {settings.SHOP_CURRENCY}",
        _("%(count)s orders; against the 30 days before") % {"count": _whole(figures.orders)},
        figures.revenue.change_percent,
        _spark(figures.revenue),
    )


def _sent(figures: Figures) -> Tile:
    per_channel = ", ".join(
        f"{channel.label} {_whole(count)}" for channel, count in figures.sent_per_channel.items()
    )
    return Tile(
        _("Messages sent in 30 days"),
        "send",
        _whole(figures.sent.value),
        per_channel or _("none yet"),
        figures.sent.change_percent,
        _spark(figures.sent),
    )


def _revenue_chart(figures: Figures) -> Chart:
    rows = [
        (_day(week[0].date), sum(day.value for day in week), _week_title(week))
        for week in _weeks(figures.revenue.days)
    ]
    return Chart(
        _("Revenue per week"),
        "bar_chart",
        settings.SHOP_CURRENCY,
        bar_chart(rows),
        _("No orders in half a year. Import orders, or send them to the API."),
    )


def _sent_chart(figures: Figures) -> Chart:
    rows = [
        (_day(day.date), day.value, f"{_day(day.date)}: {_whole(day.value)}")
        for day in figures.sent.days
    ]
    return Chart(
        _("Messages sent per day"),
        "outgoing_mail",
        _("30 days"),
        bar_chart(rows),
        _("Nothing was sent in 30 days. Launch a campaign, or answer somebody in the inbox."),
    )


def _weeks(days: Sequence[Day]) -> list[Sequence[Day]]:
    return [days[start : start + WEEK] for start in range(0, len(days), WEEK)]


def _week_title(week: Sequence[Day]) -> str:
    total = _whole(sum(day.value for day in week))
    span = {"first": _day(week[0].date), "last": _day(week[-1].date)}
    return _("%(first)s to %(last)s") % span + f": {total} {settings.SHOP_CURRENCY}"


def _spark(trend: Trend) -> Spark:
    return spark([day.value for day in trend.days[-DAYS_SHOWN:]])


def _day(day: date) -> str:
    return str(formats.date_format(day, "MONTH_DAY_FORMAT"))


def _whole(number: Any) -> str:
    return str(formats.number_format(round(number), 0, force_grouping=True))
