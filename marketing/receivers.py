"""What marketing does with the news from crm: note whom runs had seen, ring for a reading.

Segments do not listen: what changes about people waits for them in rows (crm/changes.py).
"""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from crm import signals as news
from marketing.training import forgetting


@receiver(news.customers_erased)
def erased_people_were_learnt_from(
    customer_ids: list[int], known_since_at: datetime, **kwargs: Any
) -> None:
    """Say so on the training runs that had seen them."""
    forgetting.note_erased(people=len(customer_ids), known_since_at=known_since_at)


@receiver(news.message_received)
def message_is_read(message_id: int, **kwargs: Any) -> None:
    """Ring for the reading of an inbound message."""
    # The rows of marketing are known to processes that cannot ring, and lack Celery's memory.
    from marketing import tasks

    tasks.read_message.delay(message_id)
