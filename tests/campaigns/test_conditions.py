"""Rules ask what came of the messages of a campaign, of one of its steps, or of any."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from campaigns import mentions
from campaigns.models import Campaign, Delivery, Step
from crm import conversations, customers, messages
from crm.choices import Channel, MergeCause
from crm.models import Change, Customer, Message, Template
from marketing import segments
from marketing.models import Membership, Segment
from marketing.rules import RuleError, explain, validate
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def spring(now: datetime) -> Campaign:
    return planned("Spring", steps=2, now=now)


def planned(name: str, *, steps: int, now: datetime) -> Campaign:
    """A campaign of so many steps."""
    template = Template.objects.create(name=name, channel="email", created_at=now)
    made = Campaign.objects.create(name=name)
    for position in range(1, steps + 1):
        Step.objects.create(
            campaign=made, position=position, channel=Channel.EMAIL, template=template
        )
    return made


def sent(
    campaign: Campaign,
    customer: Customer,
    now: datetime,
    position: int = 1,
    channel: str = "email",
    **fate: Any,
) -> Message:
    """A message of a step to somebody, and what came of it."""
    step = campaign.steps.get(position=position)
    delivery = Delivery.objects.create(
        campaign=campaign, step=step, customer=customer, planned_at=now
    )
    message = Message.objects.create(
        customer=customer,
        direction="out",
        channel=channel,
        purpose="marketing",
        author="campaign",
        key=f"delivery-{delivery.pk}-1",
        source_kind="delivery",
        source_id=delivery.pk,
        created_at=now,
        **{"state": "sent", "sent_at": now, **fate},
    )
    Delivery.objects.filter(pk=delivery.pk).update(message=message, state="handed_over")
    return message


def whole(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "all": list(conditions)}


def found(*conditions: dict[str, Any], now: datetime) -> set[int]:
    """Whom rules name, asked of everybody and of each."""
    everybody = sorted(Customer.objects.values_list("pk", flat=True))
    segment = Segment(rules=whole(*conditions))
    answers = [
        set(segments.queryset(compiled=segments.compiled(segment=segment, now=now, among=among)))
        for among in (None, everybody)
    ]
    assert answers[0] == answers[1]
    return {one.pk for one in answers[0]}


def test_who_was_sent_a_campaign_and_did_not_click(now: datetime, spring: Campaign) -> None:
    clicked, ignored, other = (making.customer(now=now) for _ in range(3))
    sent(spring, clicked, now, clicked_at=now)
    sent(spring, ignored, now)
    sent(planned("Autumn", steps=1, now=now), other, now)

    asked = {"campaign": spring.pk, "fate": "sent"}
    never = {"campaign": spring.pk, "fate": "clicked", "at_most": 0}

    assert found(asked, never, now=now) == {ignored.pk}
    assert found({"campaign": "any", "fate": "sent"}, now=now) == {
        clicked.pk,
        ignored.pk,
        other.pk,
    }


def test_a_step_is_told_from_another(now: datetime, spring: Campaign) -> None:
    first, second = (making.customer(now=now) for _ in range(2))
    sent(spring, first, now, position=1, opened_at=now)
    sent(spring, second, now, position=2, opened_at=now)

    opened = {"campaign": spring.pk, "fate": "opened"}

    assert found({**opened, "step": 2}, now=now) == {second.pk}
    assert found(opened, now=now) == {first.pk, second.pk}


@pytest.mark.parametrize(
    ("fate", "row"),
    [
        ("delivered", {"delivered_at": "now"}),
        ("opened", {"opened_at": "now"}),
        ("clicked", {"clicked_at": "now"}),
        ("bounced", {"state": "bounced", "reason": "hard_bounce"}),
        ("complained", {"state": "complained", "reason": "complaint"}),
        ("failed", {"state": "failed", "reason": "rejected", "sent_at": None}),
    ],
)
def test_every_fate_is_asked_for(
    now: datetime, spring: Campaign, fate: str, row: dict[str, Any]
) -> None:
    fated, spared = (making.customer(now=now) for _ in range(2))
    row = {key: now if value == "now" else value for key, value in row.items()}
    sent(spring, fated, now, **row)
    sent(spring, spared, now)

    assert found({"campaign": spring.pk, "fate": fate}, now=now) == {fated.pk}


def answer(said: Message, channel: str, text: str, now: datetime, **more: Any) -> int:
    customer = said.customer
    sender = customer.email if channel == "email" else customer.phone
    inbound = conversations.NewInbound(channel, sender, text, now, **more)
    return conversations.receive(inbound=inbound, now=now)


def test_who_answers_a_message_of_a_campaign_answered_the_campaign(
    now: datetime, spring: Campaign
) -> None:
    answering, silent, chatty = (making.customer(now=now) for _ in range(3))
    letters = [sent(spring, one, now) for one in (answering, silent, chatty)]
    later = now + timedelta(hours=1)
    answer(letters[0], "email", "Yes please", later, in_reply_to=f"<{letters[0].key}@x.example>")
    answer(letters[2], "email", "Where is my order?", later)

    replied = {"campaign": spring.pk, "fate": "replied"}

    assert found(replied, now=later) == {answering.pk}
    assert found({**replied, "step": 1}, now=later) == {answering.pk}
    assert found({**replied, "step": 2}, now=later) == set()


def test_an_answer_that_names_the_message_of_somebody_else_is_no_answer(
    now: datetime, spring: Campaign
) -> None:
    ada, eve = (making.customer(now=now) for _ in range(2))
    letter, other = sent(spring, ada, now), sent(planned("Autumn", steps=1, now=now), eve, now)

    answer(other, "email", "Yes", now, in_reply_to=letter.key)

    assert found({"campaign": "any", "fate": "replied"}, now=now) == set()


def test_a_text_message_answers_the_last_one_of_the_week(now: datetime, spring: Campaign) -> None:
    ada, bob = (making.customer(now=now) for _ in range(2))
    to_ada = sent(spring, ada, now - timedelta(days=2), channel="sms")
    to_bob = sent(spring, bob, now - timedelta(days=8), channel="sms")
    answer(to_ada, "sms", "Tell me more", now)
    answer(to_bob, "sms", "Hello", now)

    assert found({"campaign": spring.pk, "fate": "replied"}, now=now) == {ada.pk}


def test_what_came_of_a_campaign_is_followed(now: datetime, spring: Campaign) -> None:
    ada = making.customer(now=now)
    letter = sent(spring, ada, now, state="sending", sent_at=None)
    rules = whole({"campaign": spring.pk, "fate": "bounced"})
    segment = Segment.objects.create(name="Bounced", rules=rules)
    segments.refresh(segment_id=segment.pk, now=now)
    Change.objects.all().delete()
    bounced = messages.Settlement(letter.pk, "bounced", reason="hard_bounce")
    messages.settle_many(outcomes=[bounced], now=now)

    segments.follow(now=now)

    assert Membership.objects.get(segment=segment).customer_id == ada.pk


def test_news_that_come_late_are_followed_though_the_state_stays(
    now: datetime, spring: Campaign
) -> None:
    ada = making.customer(now=now)
    letter = sent(spring, ada, now, state="bounced", reason="hard_bounce", sent_at=None)
    rules = whole({"campaign": spring.pk, "fate": "delivered"})
    segment = Segment.objects.create(name="Delivered", rules=rules)
    segments.refresh(segment_id=segment.pk, now=now)
    Change.objects.all().delete()
    messages.settle_many(outcomes=[messages.Settlement(letter.pk, "delivered")], now=now)
    letter.refresh_from_db()
    assert (letter.state, letter.delivered_at) == ("bounced", now)

    segments.follow(now=now)

    assert Membership.objects.get(segment=segment).customer_id == ada.pk


def test_messages_go_along_when_two_become_one(now: datetime, spring: Campaign) -> None:
    kept, merged = (making.customer(now=now) for _ in range(2))
    sent(spring, merged, now, opened_at=now)
    opened = {"campaign": spring.pk, "fate": "opened"}
    assert found(opened, now=now) == {merged.pk}

    cause = MergeCause.STAFF
    customers.merge(
        kept_id=kept.pk, merged_id=merged.pk, cause=cause, reason="one", by=None, now=now
    )

    assert found(opened, now=now) == {kept.pk}


def test_of_two_who_had_the_campaign_and_became_one_the_kept_answers(
    now: datetime, spring: Campaign
) -> None:
    kept, merged = (making.customer(now=now) for _ in range(2))
    sent(spring, kept, now)
    sent(spring, merged, now, opened_at=now)

    cause = MergeCause.STAFF
    customers.merge(
        kept_id=kept.pk, merged_id=merged.pk, cause=cause, reason="one", by=None, now=now
    )

    assert found({"campaign": spring.pk, "fate": "sent"}, now=now) == {kept.pk}
    assert found({"campaign": spring.pk, "fate": "opened"}, now=now) == set()
    assert found({"campaign": "any", "fate": "opened"}, now=now) == {kept.pk}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"fate": "opened"}, "opened a message of the campaign “Spring”"),
        (
            {"fate": "clicked", "at_most": 0, "within_days": 90},
            "never clicked in a message of the campaign “Spring” in the last 90 days",
        ),
        (
            {"fate": "sent", "step": 2, "at_least": 2},
            "was sent a message of step 2 of the campaign “Spring” at least 2 times",
        ),
        ({"fate": "bounced"}, "had a message of the campaign “Spring” bounce"),
    ],
)
def test_the_sentence_names_the_campaign(spring: Campaign, more: dict[str, Any], said: str) -> None:
    with translation.override("en"):
        sentence = explain(rules=whole({"campaign": spring.pk, **more}))

    assert sentence == f"Customers for whom: {said}."


def test_a_campaign_that_is_no_more_is_said_by_its_number() -> None:
    with translation.override("en"):
        said = explain(rules=whole({"campaign": 999, "fate": "opened"}))
        any_of_them = explain(rules=whole({"campaign": "any", "fate": "opened"}))

    assert "a message of campaign #999." in said
    assert "a message of any campaign." in any_of_them


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"campaign": "Spring", "fate": "opened"}, "campaign"),
        ({"campaign": 0, "fate": "opened"}, "campaign"),
        ({"campaign": 2**63, "fate": "opened"}, "campaign"),
        ({"campaign": 1}, "fate"),
        ({"campaign": 1, "fate": "read"}, "fate"),
        ({"campaign": "any", "fate": "opened", "step": 1}, "step"),
        ({"campaign": 1, "fate": "opened", "step": 0}, "step"),
        ({"campaign": 1, "fate": "opened", "channel": "email"}, "channel"),
    ],
)
def test_what_makes_no_sense_is_refused(condition: dict[str, Any], path: str) -> None:
    with pytest.raises(RuleError) as caught:
        validate(rules=whole(condition))

    assert caught.value.path == f"rules.all[0].{path}"


def test_a_campaign_that_rules_name_is_not_deleted(spring: Campaign) -> None:
    rules = whole({"not": [{"any": [{"campaign": spring.pk, "fate": "opened"}]}]})
    readers = Segment.objects.create(name="Not readers", rules=rules)

    with pytest.raises(mentions.CampaignInUse, match="Not readers"):
        mentions.delete(campaign_id=spring.pk)

    readers.delete()
    mentions.delete(campaign_id=spring.pk)
    assert not Campaign.objects.exists()
