"""The figures of the dashboard: few statements, each set-wise over a bounded time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate

from crm import consent, returned_mail
from crm.choices import (
    CallbackState,
    Channel,
    ConversationState,
    Direction,
    FailureReason,
    Handler,
    MessageState,
    OrderState,
    Purpose,
)
from crm.models import Callback, Conversation, Customer, Message, Order

PERIOD = timedelta(days=30)
REVENUE_DAYS = 182
JUST_NOW = timedelta(hours=1)
HANDED_OVER = (
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.BOUNCED,
    MessageState.COMPLAINED,
)


@dataclass(frozen=True, slots=True)
class Day:
    """One day's figure."""

    date: date
    value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure over the last 30 days, over the 30 days before, and day by day."""

    value: float
    before: float
    days: Sequence[Day]

    @property
    def change_percent(self) -> float | None:
        """How much more than before, in percent; unknown where there was nothing before."""
        return 100 * (self.value - self.before) / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the dashboard counts at leisure; `revenue.days` reaches half a year back."""

    customers: int
    new_customers: Trend
    reach: Mapping[Channel, consent.Reach]
    revenue: Trend
    orders: int
    sent: Trend
    sent_per_channel: Mapping[Channel, int]
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class Worries:
    """What waits for a person now."""

    waiting_conversations: int
    waiting_since_at: datetime | None
    in_doubt: int
    failed_callbacks: int
    unreachable: Mapping[Channel, int]


def _failed_callbacks() -> int:
    """Mails that came back are told of by their mailboxes."""
    failed = Callback.objects.filter(state=CallbackState.FAILED)
    return failed.exclude(provider=returned_mail.PROVIDER).count()


def figures(*, now: datetime) -> Figures:
    """Count everything that the dashboard draws."""
    sent_days, per_channel = _sent(now)
    revenue_days, orders = _revenue(now)
    return Figures(
        customers=Customer.objects.count(),
        new_customers=_trend(_new_customers(now), now),
        reach={
            channel: consent.count_reach(
                customers=Customer.objects.all(),
                channel=channel,
                purpose=Purpose.MARKETING,
                now=now,
            )
            for channel in Channel
        },
        revenue=_trend(revenue_days, now, days=REVENUE_DAYS),
        orders=orders,
        sent=_trend(sent_days, now),
        sent_per_channel=per_channel,
        computed_at=now,
    )


def worries(*, now: datetime) -> Worries:
    """Count what waits for a person; cheap enough to be asked with every look."""
    waiting = Conversation.objects.filter(
        state=ConversationState.OPEN, handler=Handler.STAFF, waiting_since_at__isnull=False
    ).order_by("waiting_since_at")
    oldest = waiting.values_list("waiting_since_at", flat=True).first()
    recent = Message.objects.filter(created_at__gt=now - PERIOD).order_by()
    unreachable = (
        recent.filter(created_at__gt=now - JUST_NOW, reason=FailureReason.UNREACHABLE)
        .values_list("channel")
        .annotate(Count("pk"))
    )
    return Worries(
        waiting_conversations=waiting.count() if oldest else 0,
        waiting_since_at=oldest,
        in_doubt=recent.filter(watched_state=MessageState.IN_DOUBT).count(),
        failed_callbacks=_failed_callbacks(),
        unreachable={Channel(channel): count for channel, count in unreachable},
    )


def _new_customers(now: datetime) -> dict[date, float]:
    rows = (
        Customer.objects.filter(created_at__gt=now - 2 * PERIOD)
        .order_by()
        .values_list(TruncDate("created_at", tzinfo=UTC))
        .annotate(Count("pk"))
    )
    return {day: float(count) for day, count in rows}


def _revenue(now: datetime) -> tuple[dict[date, float], int]:
    placed = Order.objects.filter(
        state=OrderState.PLACED,
        placed_at__gt=now - timedelta(days=REVENUE_DAYS),
        placed_at__lte=now,
    )
    rows = (
        placed.order_by()
        .values_list(TruncDate("placed_at", tzinfo=UTC))
        .annotate(revenue=Sum("total"), lately=Count("pk", filter=Q(placed_at__gt=now - PERIOD)))
    )
    days: dict[date, float] = {}
    orders = 0
    for day, total, count in rows:
        days[day] = float(total or Decimal())
        orders += count
    return days, orders


def _sent(now: datetime) -> tuple[dict[date, float], dict[Channel, int]]:
    rows = (
        Message.objects.filter(
            direction=Direction.OUT,
            state__in=HANDED_OVER,
            created_at__gt=now - 2 * PERIOD,
        )
        .order_by()
        .values_list(TruncDate("created_at", tzinfo=UTC), "channel")
        .annotate(Count("pk"))
    )
    days: dict[date, float] = {}
    per_channel: dict[Channel, int] = {}
    first = _first_day(now)
    for day, channel, count in rows:
        days[day] = days.get(day, 0.0) + count
        if day >= first:
            per_channel[Channel(channel)] = per_channel.get(Channel(channel), 0) + count
    return days, per_channel


def _trend(found: Mapping[date, float], now: datetime, *, days: int = PERIOD.days) -> Trend:
    """Compare the last 30 days with those before; list `days` days without gaps."""
    first = _first_day(now)
    before = first - PERIOD
    today = now.astimezone(UTC).date()
    listed = [today - timedelta(days=ago) for ago in range(days - 1, -1, -1)]
    return Trend(
        value=sum(value for day, value in found.items() if day >= first),
        before=sum(value for day, value in found.items() if before <= day < first),
        days=[Day(day, found.get(day, 0.0)) for day in listed],
    )


def _first_day(now: datetime) -> date:
    return now.astimezone(UTC).date() - timedelta(days=PERIOD.days - 1)
