"""What people do with a message is on their timeline once; what machines do is kept apart."""

from datetime import datetime, timedelta

import pytest

from crm import consent, tracking
from crm.models import Customer, Event, LinkDay, Message, Template, UncountedSighting
from tests.crm.seeing import BROWSER, saw

pytestmark = pytest.mark.django_db


def names(customer: Customer) -> list[str]:
    """What the timeline of a customer says about messages, sending aside."""
    about = Event.objects.filter(customer=customer, name__startswith="message.")
    return list(about.exclude(name="message.sent").order_by("pk").values_list("name", flat=True))


def clicks(letter: Message, *moments: tuple[int, datetime]) -> list[tracking.Sighting]:
    """Clicks on links of a letter, each at a moment."""
    return [
        tracking.Sighting(
            "clicked", letter.pk, at, position, url="https://x.example", agent=BROWSER
        )
        for position, at in moments
    ]


def uncounted() -> dict[tuple[str, str], int]:
    rows = UncountedSighting.objects.values_list("kind", "reason", "times")
    return {(kind, reason): times for kind, reason, times in rows}


def test_an_opening_is_noted_once_and_its_first_time_stays(
    ada: Customer, letter: Message, now: datetime
) -> None:
    for minutes in (2, 0, 5):
        saw("opened", letter.pk, now=now + timedelta(minutes=minutes))

    letter.refresh_from_db()
    assert letter.opened_at == now
    assert names(ada) == ["message.opened"]
    assert LinkDay.objects.get().people == 3


def test_a_click_says_where_it_led(ada: Customer, letter: Message, now: datetime) -> None:
    saw("clicked", letter.pk, position=1, url="https://shop.example/7", now=now)

    assert names(ada) == ["message.clicked"]
    event = Event.objects.get(name="message.clicked")
    assert event.properties == {
        "message_id": letter.pk,
        "channel": "email",
        "url": "https://shop.example/7",
        "position": 1,
    }


def test_thousands_are_counted_in_a_few_statements(
    letter: Message, now: datetime, django_assert_max_num_queries: object
) -> None:
    seen = [
        tracking.Sighting("opened", letter.pk, now + timedelta(seconds=number), agent=BROWSER)
        for number in range(500)
    ]

    with django_assert_max_num_queries(19):  # type: ignore[operator]
        tracking.record(seen=seen, now=now)

    assert LinkDay.objects.get().people == 500


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ("", "nameless"),
        ("curl/8.0", "crawler"),
        ("Googlebot/2.1", "crawler"),
        ("BarracudaCentral scanner", "crawler"),
        ("Mozilla/5.0", "prefetch"),
    ],
)
def test_a_machine_is_kept_with_its_reason_and_counts_nowhere(
    ada: Customer, letter: Message, now: datetime, agent: str, reason: str
) -> None:
    for kind, position in (("opened", 0), ("clicked", 1), ("clicked", 1)):
        assert saw(kind, letter.pk, agent=agent, position=position, now=now) == 0

    letter.refresh_from_db()
    assert names(ada) == []
    assert (letter.opened_at, letter.clicked_at) == (None, None)
    assert uncounted() == {("opened", reason): 1, ("clicked", reason): 2}
    assert sum(LinkDay.objects.values_list("people", flat=True)) == 0
    assert sum(LinkDay.objects.values_list("programs", flat=True)) == 3


def test_the_picture_proxy_of_a_mail_service_opens_for_a_person_and_clicks_for_none(
    letter: Message, now: datetime
) -> None:
    proxy = (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    )

    assert saw("opened", letter.pk, agent=proxy, now=now) == 1
    assert saw("clicked", letter.pk, agent=proxy, position=1, now=now) == 0


@pytest.mark.parametrize("mark", ["head", "prefetch"])
def test_what_the_request_itself_says_is_believed(
    letter: Message, now: datetime, mark: str
) -> None:
    saw("opened", letter.pk, mark=mark, now=now)

    assert uncounted() == {("opened", mark): 1}


def test_many_links_at_once_are_followed_by_a_scanner(letter: Message, now: datetime) -> None:
    at = now + timedelta(minutes=5)
    three = [(1, at), (2, at), (3, at + timedelta(milliseconds=900))]

    counted = tracking.record(seen=clicks(letter, *three, (1, at + timedelta(hours=1))), now=at)

    assert counted == 1
    assert uncounted() == {("clicked", "scanner"): 3}


def test_clicks_near_to_the_unseen_link_are_the_machines(letter: Message, now: datetime) -> None:
    at = now + timedelta(minutes=5)
    moments = [(0, at), *((1, at + timedelta(seconds=each)) for each in (-16, -15, 15, 16))]

    assert tracking.record(seen=clicks(letter, *moments), now=at) == 2

    assert uncounted() == {("clicked", "trapped"): 1, ("clicked", "scanner"): 2}
    assert set(LinkDay.objects.values_list("position", "people", "programs")) == {(1, 2, 2)}


@pytest.mark.parametrize(("seconds", "counts"), [(15, 0), (16, 1)])
def test_the_machine_is_remembered_from_one_batch_to_the_next(
    letter: Message, now: datetime, seconds: int, counts: int
) -> None:
    saw("clicked", letter.pk, position=0, now=now)

    later = now + timedelta(seconds=seconds)

    assert saw("clicked", letter.pk, position=1, now=later) == counts
    assert saw("opened", letter.pk, now=later) == 1


def test_a_person_may_follow_two_links_in_their_own_time(letter: Message, now: datetime) -> None:
    at = now + timedelta(minutes=5)
    moments = [(1, at), (1, at), (2, at + timedelta(seconds=2)), (3, at + timedelta(seconds=4))]

    assert tracking.record(seen=clicks(letter, *moments), now=at) == 4


def test_who_clicks_at_once_and_knows_no_language_is_a_scanner(
    letter: Message, now: datetime
) -> None:
    soon, later = now + timedelta(seconds=1), now + timedelta(seconds=3)

    assert saw("clicked", letter.pk, position=1, has_language=False, now=soon) == 0
    assert saw("clicked", letter.pk, position=1, has_language=True, now=soon) == 1
    assert saw("clicked", letter.pk, position=1, has_language=False, now=later) == 1


@pytest.mark.parametrize("agent", [BROWSER, "curl/8.0"])
def test_a_click_settles_the_doubt_about_a_message(
    letter: Message, now: datetime, agent: str
) -> None:
    Message.objects.update(state="in_doubt", reason="worker_lost")

    saw("clicked", letter.pk, position=1, agent=agent, now=now)

    letter.refresh_from_db()
    assert letter.state == "delivered"


def test_sightings_of_messages_that_are_gone_are_left_out(now: datetime) -> None:
    assert saw("opened", 1, now=now) == 0


def test_the_house_counts_without_people_or_not_at_all(
    ada: Customer, letter: Message, now: datetime, settings: object
) -> None:
    for mode in ("aggregate", "off", "nonsense"):
        settings.TRACKING_MODE = mode  # type: ignore[attr-defined]
        saw("opened", letter.pk, now=now)
        saw("opened", letter.pk, agent="curl/8", now=now)

    letter.refresh_from_db()
    assert letter.opened_at is None
    assert names(ada) == []
    assert not UncountedSighting.objects.exists()
    day = LinkDay.objects.get()
    assert (day.people, day.programs) == (1, 1)


@pytest.mark.parametrize(
    ("template", "person", "noted"),
    [
        ("", "", "personal"),
        ("aggregate", "", "aggregate"),
        ("off", "aggregate", "off"),
        ("aggregate", "off", "off"),
        ("personal", "aggregate", "aggregate"),
    ],
)
def test_the_strictest_of_house_template_and_person_holds(
    ada: Customer, letter: Message, now: datetime, template: str, person: str, noted: str
) -> None:
    Template.objects.update(tracking=template)
    tracking.choose_mode(customer_id=ada.pk, mode=person, now=now)

    saw("opened", letter.pk, now=now)

    letter.refresh_from_db()
    assert (letter.opened_at is not None) == (noted == "personal")
    assert LinkDay.objects.exists() == (noted != "off")


def test_a_merge_keeps_the_stricter_choice(ada: Customer, now: datetime) -> None:
    from crm import customers
    from tests import making

    other = making.customer(now=now)
    tracking.choose_mode(customer_id=ada.pk, mode="aggregate", now=now)
    tracking.choose_mode(customer_id=other.pk, mode="off", now=now)

    customers.merge(kept_id=ada.pk, merged_id=other.pk, cause="staff", reason="", by=None, now=now)

    assert tracking.chosen_mode(customer_id=ada.pk) == "off"
    tracking.choose_mode(customer_id=ada.pk, mode="", now=now)
    assert tracking.chosen_mode(customer_id=ada.pk) == ""


def test_unsubscribing_withdraws_consent_for_that_channel(
    ada: Customer, letter: Message, now: datetime
) -> None:
    later = now + timedelta(hours=1)

    tracking.unsubscribe(message_id=letter.pk, source="one_click", now=later)

    verdict = consent.check_many(
        customer_ids=[ada.pk], channel="email", purpose="marketing", now=later
    )
    assert verdict[ada.pk].refusal == "unsubscribed"
    assert ada.consents.get(channel="sms").state == "granted"
    assert Event.objects.filter(customer=ada, name="consent.withdrawn").count() == 1


def test_a_message_that_is_gone_is_not_found(now: datetime) -> None:
    with pytest.raises(tracking.NotFound):
        tracking.receiver(message_id=1)
