"""A worker that is killed -9 in the middle of a batch; run by test_killed.py as a process."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from crm import messages  # noqa: E402
from crm.channels import journal as states  # noqa: E402
from crm.channels.base import Journal, Outcome, Outgoing  # noqa: E402
from crm.channels.memory import MemoryAdapter  # noqa: E402
from crm.models import Customer  # noqa: E402
from tests.crm.messages.letters import draft  # noqa: E402


def die_at(
    self: MemoryAdapter, batch: Sequence[Outgoing], *, journal: Journal
) -> Iterator[Outcome]:
    """Confirm some mails, begin one more, and be killed."""
    last = int(sys.argv[1])
    for index, outgoing in enumerate(batch):
        journal.mark(index, states.HANDING_OVER)
        if index == last:
            os.kill(os.getpid(), signal.SIGKILL)
        journal.mark(index, states.CONFIRMED)
        yield Outcome(outgoing.message_id, "sent", provider_message_id=outgoing.key)


MemoryAdapter.send_many = die_at  # type: ignore[method-assign]
now = timezone.now()
letters = [draft(customer) for customer in Customer.objects.order_by("pk")]
with transaction.atomic():
    messages.write_many(drafts=letters, owner=messages.owner(), now=now)
messages.send_many(drafts=letters, now=now)
