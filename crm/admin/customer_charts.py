"""Charts of the customer page: what was spent each month, what was done each week."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth, TruncWeek
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.admin.charts import BarChart, bar_chart
from crm.admin.tags import money
from crm.choices import OrderState
from crm.events import NOT_SEEN
from crm.models import Customer, EventDay

MONTHS = 12
WEEKS = 26


def of(*, customer: Customer, now: datetime) -> dict[str, BarChart]:
    """Both charts of a customer, in two statements."""
    return {"spend": spend(customer=customer, now=now), "activity": activity(customer, now)}


def spend(*, customer: Customer, now: datetime) -> BarChart:
    """What placed orders came to in each of the last twelve months."""
    months = _months(now.date())
    placed = customer.orders.filter(state=OrderState.PLACED, placed_at__date__gte=months[0])
    sums = _by_day(placed.annotate(start=TruncMonth("placed_at")), Sum("total"))
    return bar_chart([_month(month, sums.get(month, Decimal(0))) for month in months])


def activity(customer: Customer, now: datetime) -> BarChart:
    """How often the customer did something in each of the last weeks, from the roll-ups."""
    monday = now.date() - timedelta(days=now.weekday())
    weeks = [monday - timedelta(weeks=ago) for ago in reversed(range(WEEKS))]
    days = EventDay.objects.filter(customer=customer, date__gte=weeks[0]).exclude(name__in=NOT_SEEN)
    counts = _by_day(days.annotate(start=TruncWeek("date")), Sum("count"))
    return bar_chart([_week(week, counts.get(week, 0)) for week in weeks])


def _months(today: date) -> list[date]:
    first = today.year * 12 + today.month - MONTHS
    return [date(month // 12, month % 12 + 1, 1) for month in range(first, first + MONTHS)]


def _by_day(rows: Any, amount: Sum | Count) -> dict[date, Any]:
    found = rows.order_by().values("start").annotate(amount=amount)
    return {_date(row["start"]): row["amount"] for row in found}


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _month(month: date, total: Decimal) -> tuple[str, float, str]:
    label = formats.date_format(month, "N")
    when = formats.date_format(month, "YEAR_MONTH_FORMAT")
    amount = money(total, settings.SHOP_CURRENCY)
    return label, float(total), _("%(month)s: %(amount)s") % {"month": when, "amount": amount}


def _week(week: date, count: int) -> tuple[str, float, str]:
    label = formats.date_format(week, "MONTH_DAY_FORMAT")
    said = ngettext(
        "Week of %(day)s: %(count)s time", "Week of %(day)s: %(count)s times", count
    ) % {"day": label, "count": count}
    return formats.date_format(week, "j.n."), float(count), said
