"""The news crm announces, always after the commit; receivers above only queue ids."""

from typing import Any

from django.db import transaction
from django.dispatch import Signal

events_recorded = Signal()  # provides: event_ids, customer_ids
orders_recorded = Signal()  # provides: customer_ids
consent_changed = Signal()  # provides: customer_ids
message_received = Signal()  # provides: message_id, conversation_id
customers_changed = Signal()  # provides: customer_ids
customers_merged = Signal()  # provides: pairs, each (kept_id, merged_id)
customers_unmerged = Signal()  # provides: kept_id, merged_id
customers_erased = Signal()  # provides: customer_ids, known_since_at
template_withdrawn = Signal()  # provides: version_id
messages_settled = Signal()  # provides: message_ids


def announce(signal: Signal, *, sender: type, **news: Any) -> None:
    """Send news after the commit; a receiver that fails is logged and takes nothing back."""

    def send() -> None:
        signal.send(sender=sender, **news)

    transaction.on_commit(send, robust=True)
