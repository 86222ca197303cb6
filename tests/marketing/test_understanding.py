"""An inbound message is read as what it means, in English and Chinese, or as nothing at all."""

from datetime import datetime

import pytest

from crm import conversations
from crm.choices import Channel
from marketing import understanding
from marketing.models import Insight, Intent
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def intents() -> None:
    Intent.objects.create(
        code="delivery", name="Delivery", phrases="How long does delivery take?\n快递几天能到？"
    )
    Intent.objects.create(
        code="returns", name="Returns", phrases="How can I return something?\n怎么退货？"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How long does delivery take?", "delivery"),
        ("hello! how long does DELIVERY take to Leeds", "delivery"),
        ("Dear shop.\nI love your tea. How can I return something? Best, Ada", "returns"),
        ("你好，请问快递几天能到？", "delivery"),
        ("怎么退货", "returns"),
        ("Do you sell bicycles?", None),
        ("你们卖自行车吗？", None),
        ("?!", None),
        ("", None),
    ],
)
def test_a_text_is_read_only_where_it_is_really_close(text: str, code: str | None) -> None:
    assert understanding.read_text(text=text).intent_code == code


def test_two_intents_that_are_equally_close_are_not_sure() -> None:
    Intent.objects.create(code="again", name="Again", phrases="How long does delivery take?")

    assert understanding.read_text(text="How long does delivery take?").intent_code is None


def test_an_intent_that_is_switched_off_is_not_read() -> None:
    Intent.objects.filter(code="delivery").update(is_active=False)

    assert understanding.read_text(text="How long does delivery take?").intent_code is None


def test_an_inbound_message_gets_one_insight(now: datetime) -> None:
    customer = making.customer(now=now)
    inbound = conversations.NewInbound(
        channel=Channel.EMAIL, sender=customer.email, text="怎么退货？", occurred_at=now
    )
    message_id = conversations.receive(inbound=inbound, now=now)

    assert understanding.read_due(now=now) == 1
    assert understanding.read_due(now=now) == 0
    understanding.read(message_id=message_id, now=now)

    insight = Insight.objects.get()
    assert insight.message_id == message_id
    assert insight.intent is not None
    assert insight.intent.code == "returns"
    assert insight.confidence > 0.9


def test_no_intents_read_as_nothing() -> None:
    Intent.objects.all().delete()

    assert understanding.read_text(text="How long does delivery take?") == understanding.Reading(
        None, 0.0
    )
