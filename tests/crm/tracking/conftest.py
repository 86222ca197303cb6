"""A letter to see things happen to."""

from datetime import datetime

import pytest

from crm.models import Customer, Message, TemplateVersion
from tests.crm.messages.letters import send, templated


@pytest.fixture
def letter(ada: Customer, newsletter: TemplateVersion, provider: object, now: datetime) -> Message:
    """A newsletter that Ada got."""
    send(templated(ada, newsletter, now), now=now)
    return Message.objects.get()
