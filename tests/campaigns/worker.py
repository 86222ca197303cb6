"""A worker to be killed: `python -m tests.campaigns.worker CAMPAIGN SIZE` sends it all."""

import os
import sys

import django


def run(campaign_id: int, size: int) -> None:
    """Send batch after batch as the task does."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    django.setup()
    from django.utils import timezone

    from campaigns import sending
    from crm import messages

    is_empty = False
    while not is_empty:
        result = sending.send_batch(
            campaign_id=campaign_id, owner=messages.owner(), now=timezone.now(), size=size
        )
        is_empty = result.is_empty


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
