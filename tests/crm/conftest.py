"""What the tests of crm share: a fake provider in place of the world, and people to write to."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from crm import accounts, templates
from crm.channels import registry
from crm.channels.memory import MemoryAdapter
from crm.messages import journals
from crm.models import Customer, Template, TemplateVersion
from tests import making
from tests.crm.seeing import counted, door, sightings
from tests.crm.telling import drained, spool_folder, tell, write_key

__all__ = ["counted", "door", "drained", "sightings", "spool_folder", "tell", "write_key"]


@pytest.fixture
def provider(settings: object, tmp_path: Path) -> Iterator[MemoryAdapter]:
    """The fake that carries e-mail in this test."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    settings.EMAIL_URL = settings.SMS_URL = "memory://"  # type: ignore[attr-defined]
    registry.close_all()
    adapter = registry.adapter_for(accounts.for_channel(channel="email"))
    assert isinstance(adapter, MemoryAdapter)
    yield adapter
    registry.close_all()
    journals.abandon()


@pytest.fixture
def ada(now: datetime) -> Customer:
    """A subscriber."""
    return making.subscriber(now=now, first_name="Ada", email="ada@shop.example")


@pytest.fixture
def newsletter(now: datetime) -> TemplateVersion:
    """A published mail with a link."""
    template = Template.objects.create(name="Spring", channel="email", created_at=now)
    return templates.publish(
        template=template,
        subject="Tea for {{ customer.first_name }}",
        html='<p>{{ at|date }} <a href="https://shop.example/{{ customer.id }}">tea</a></p>',
        text="",
        by=None,
        now=now,
    )
