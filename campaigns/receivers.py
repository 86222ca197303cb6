"""What campaigns do about the news from below: ring, and nothing else."""

from typing import Any

from django.dispatch import receiver

from campaigns.tasks import advance_campaigns, answer_conversations
from crm.signals import message_received, template_withdrawn
from crm.tasks import ring


@receiver(message_received)
def ring_for_the_bot(**_: Any) -> None:
    """Somebody wrote: see which conversations wait for the bot."""
    ring(answer_conversations)


@receiver(template_withdrawn)
def ring_for_the_campaigns(**_: Any) -> None:
    """A template was withdrawn: pause what sends it."""
    ring(advance_campaigns)
