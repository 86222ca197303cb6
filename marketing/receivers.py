"""What marketing does with the news from crm: mark segments, ring for reading a message."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from crm import signals as news
from marketing import segments, signals
from marketing.training import forgetting


@receiver(news.events_recorded)
def events_touch_segments(**kwargs: Any) -> None:
    """Mark the segments whose rules speak of events."""
    segments.want_touched(kinds=("event",), now=timezone.now())


@receiver(news.orders_recorded)
def orders_touch_segments(**kwargs: Any) -> None:
    """Mark the segments whose rules speak of orders."""
    segments.want_touched(kinds=("orders", "bought"), now=timezone.now())


@receiver(news.consent_changed)
def consent_touches_segments(**kwargs: Any) -> None:
    """Mark the segments whose rules speak of consent or reach."""
    segments.want_touched(kinds=("consent", "reach"), now=timezone.now())


@receiver(news.customers_erased)
def erased_people_were_learnt_from(
    customer_ids: list[int], known_since_at: datetime, **kwargs: Any
) -> None:
    """Say so on the training runs that had seen them."""
    forgetting.note_erased(people=len(customer_ids), known_since_at=known_since_at)


@receiver([news.customers_merged, news.customers_unmerged])
def merging_touches_segments(**kwargs: Any) -> None:
    """Mark every segment whose rules speak of what moves from one person to another."""
    kinds = ("event", "orders", "bought", "consent", "reach", "score", "cluster")
    segments.want_touched(kinds=kinds, now=timezone.now())


@receiver(signals.scores_computed)
def scores_touch_segments(**kwargs: Any) -> None:
    """Mark the segments whose rules speak of scores or clusters."""
    segments.want_touched(kinds=("score", "cluster"), now=timezone.now())


@receiver(news.message_received)
def message_is_read(message_id: int, **kwargs: Any) -> None:
    """Ring for the reading of an inbound message."""
    # Ingest marks segments without being able to ring, and without Celery's memory.
    from marketing import tasks

    tasks.read_message.delay(message_id)
