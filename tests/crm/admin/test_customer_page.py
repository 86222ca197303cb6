"""The page of a customer: what it shows, and what staff decide on it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from crm import (
    companies,
    consent,
    customers,
    desk,
    duplicates,
    events,
    extensions,
    preferences,
    privacy,
)
from crm.admin import customer_page
from crm.admin.parts import OverrideRow
from crm.choices import MergeCause
from crm.models import ConsentDecision, Customer, MarketingPause, Message
from tests import making


def page_of(customer, tab="change"):
    return reverse(f"admin:crm_customer_{tab}", args=[customer.pk])


def in_days(days):
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def visits(customer, count, now):
    return [
        events.NewEvent(
            customer_id=customer.pk,
            name="page.viewed",
            occurred_at=now - timedelta(minutes=number),
            key=f"visit:{number}",
            properties={"page": f"page-{number:03}"},
        )
        for number in range(count)
    ]


def test_the_page_shows_worth_reach_and_what_was_said(admin, ada, order, question):
    text = admin.get(page_of(ada)).content.decode()

    assert "60.00" in text
    assert "R-1" in text
    assert "Reachable" in text
    assert "Teapot" in text


def test_the_page_says_why_a_person_cannot_be_reached(admin, ada, now):
    customers.pause(
        customer_id=ada.pk, until_at=now + timedelta(days=2), reason="Moved", by=None, now=now
    )

    text = admin.get(page_of(ada)).content.decode()

    assert "Marketing paused for this person" in text
    assert "Moved" in text


def test_a_pause_set_here_is_in_force_with_who_when_and_why(admin, staff, ada):
    posted = {"until_date": in_days(10), "reason": "Complaint"}

    answer = admin.post(page_of(ada, "pause"), posted, follow=True)

    pause = MarketingPause.objects.in_force(now=timezone.now()).get()
    assert (pause.set_by, pause.reason) == (staff, "Complaint")
    assert timezone.localdate(pause.expires_at) == timezone.localdate() + timedelta(days=11)
    assert "Complaint" in answer.content.decode()


def test_a_pause_must_end_in_the_future(admin, ada):
    answer = admin.post(
        page_of(ada, "pause"), {"until_date": in_days(-2), "reason": "Late"}, follow=True
    )

    assert not MarketingPause.objects.exists()
    assert "must end in the future" in answer.content.decode()


def test_a_lifted_pause_stays_among_the_overrides(admin, staff, ada):
    admin.post(page_of(ada, "pause"), {"until_date": in_days(3), "reason": "Complaint"})

    admin.post(page_of(ada, "lift_pause"))

    pause = MarketingPause.objects.get()
    text = admin.get(page_of(ada, "overrides")).content.decode()
    assert pause.lifted_by == staff
    assert "Complaint" in text
    assert "In force" not in text


def test_apps_above_add_their_overrides(admin, ada, monkeypatch, now):
    row = OverrideRow(what="Put into Tea lovers", reason="Asked", set_by="maria", created_at=now)
    monkeypatch.setattr(
        extensions.customer_overrides, "all", lambda: iter([lambda customer, now: [row]])
    )

    text = admin.get(page_of(ada, "overrides")).content.decode()

    assert "Put into Tea lovers" in text


def test_a_decision_told_to_staff_goes_into_the_ledger(admin, staff, ada):
    posted = {
        "channel": "email",
        "purpose": "marketing",
        "state": "withdrawn",
        "reason": "Said so on the phone",
    }

    admin.post(page_of(ada, "decide"), posted)

    decision = ConsentDecision.objects.filter(source="staff").get()
    assert (decision.state, decision.recorded_by) == ("withdrawn", staff)
    assert decision.proof == {"reason": "Said so on the phone"}


def test_a_message_written_here_waits_for_the_sender(admin, staff, ada):
    posted = {"channel": "email", "subject": "Your parcel", "text": "It is on its way."}

    admin.post(page_of(ada, "write"), posted)

    message = Message.objects.get()
    assert (message.state, message.staff, message.purpose) == ("queued", staff, "conversation")
    assert message.conversation is not None


def test_nobody_writes_to_an_address_that_is_suppressed(admin, ada, now):
    complaint = consent.NewSuppression("email", ada.email, "complaint")
    consent.suppress(suppression=complaint, now=now)

    answer = admin.post(page_of(ada, "write"), {"channel": "email", "text": "Hello"}, follow=True)

    assert not Message.objects.exists()
    assert "Address suppressed" in answer.content.decode()


def test_a_suppressed_address_is_lifted_from_the_page(admin, ada, now):
    complaint = consent.NewSuppression("email", ada.email, "complaint")
    consent.suppress(suppression=complaint, now=now)
    lift = reverse("admin:crm_suppression_lift")
    shown = admin.get(page_of(ada)).content.decode()

    posted = {"channel": "email", "address": ada.email, "next": page_of(ada)}
    answer = admin.post(lift, posted, follow=True)

    assert lift in shown
    assert lift not in answer.content.decode()


@pytest.mark.parametrize("tab", ["pause", "lift_pause", "decide", "write"])
def test_a_newcomer_decides_nothing(newcomer, ada, tab):
    posted = {"until_date": in_days(1), "reason": "x", "text": "x", "channel": "email"}

    assert newcomer.post(page_of(ada, tab), posted).status_code == 403


def test_the_timeline_goes_on_where_it_stopped(admin, ada, now):
    events.record_many(events=visits(ada, 60, now), now=now)
    seen = []
    address = page_of(ada, "timeline")

    after = "first"
    while after:
        query = {"show": "visits"} if after == "first" else {"show": "visits", "after": after}
        page = admin.get(address, query).context["page"]
        seen += [entry.event.properties["page"] for entry in page.entries]
        after = page.after

    assert seen == [f"page-{number:03}" for number in range(60)]


def test_the_timeline_mixes_events_and_messages_by_time(admin, ada, question, now):
    events.record_many(events=visits(ada, 2, now + timedelta(minutes=1)), now=now)

    entries = admin.get(page_of(ada)).context["page"].entries

    moments = [entry.at for entry in entries]
    assert moments == sorted(moments, reverse=True)
    assert [entry.message for entry in entries if entry.message] == [question]


@pytest.mark.parametrize("value", ["x", ["T1"], {"a": 1}, None, -1, 10**30, True])
def test_whatever_an_event_brings_the_timeline_shows_it(admin, ada, order, now, value):
    brought = {"sku": value, "message_id": value, "note": value, "": value}
    event = events.NewEvent(ada.pk, "product.viewed", now, "odd", brought)
    events.record(event=event, now=now)

    answer = admin.get(page_of(ada))

    assert answer.status_code == 200


def test_the_timeline_names_the_product_that_was_looked_at(admin, ada, order, now):
    event = events.NewEvent(ada.pk, "product.viewed", now, "look", {"sku": "T1"})
    events.record(event=event, now=now)

    assert "Looked at a product: Teapot" in admin.get(page_of(ada)).content.decode()


def test_the_timeline_tells_a_refund_in_words(admin, ada, order, now):
    brought = {"number": "R-1", "amount": 52.9, "currency": "EUR", "is_partial": True}
    events.record(event=events.NewEvent(ada.pk, "order.refunded", now, "back", brought), now=now)

    page = admin.get(page_of(ada)).content.decode()

    assert "52.90 EUR" in page
    assert "a part only" in page
    assert "is_partial" not in page


def test_a_pause_from_the_preference_page_is_told_in_the_readers_language(admin, ada, now):
    preferences.pause(customer_id=ada.pk, now=now)

    page = admin.get(page_of(ada), headers={"accept-language": "zh-hans"}).content.decode()

    assert "客户在偏好设置页面上要求" in page


@pytest.mark.parametrize(
    ("first", "last", "language", "letters"),
    [
        ("Sasha", "Merriweather", "zh-hans", "SM"),
        ("小明", "王", "", "王"),
        ("小明", "王", "zh-hans", "王"),
        ("Ada", "", "en", "A"),
    ],
)
def test_initials_follow_the_script_of_the_name(first, last, language, letters):
    customer = Customer(first_name=first, last_name=last, language=language)

    assert customer_page.initials(customer) == letters


def test_the_timeline_narrows_to_orders(admin, ada, order, question):
    entries = admin.get(page_of(ada, "timeline"), {"show": "orders"}).context["page"].entries

    assert [entry.event.name for entry in entries] == ["order.placed"]


def form_of(customer, **changed):
    form = {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "phone": customer.phone,
        "country": "GB",
        "city": "",
        "language": "en",
        "time_zone": "UTC",
        "attributes": "{}",
        "identities-TOTAL_FORMS": "0",
        "identities-INITIAL_FORMS": "0",
    }
    return {**form, **changed}


def test_a_corrected_address_leads_to_the_same_customer(admin, ada, now):
    admin.post(page_of(ada, "edit"), form_of(ada, email="Ada.New@Shop.example"))

    found = customers.identify(person=customers.Person(email="ada.new@shop.example"), now=now)
    ada.refresh_from_db()
    assert found == ada.pk
    assert ada.email == "ada.new@shop.example"
    assert not ada.identities.filter(value="ada@shop.example").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [("grace@shop.example", "belongs to another customer"), ("nonsense", "no address")],
)
def test_an_address_that_cannot_be_hers_is_refused(admin, ada, now, typed, said):
    making.customer(now=now, email="grace@shop.example")

    answer = admin.post(page_of(ada, "edit"), form_of(ada, email=typed), follow=True)

    ada.refresh_from_db()
    assert ada.email == "ada@shop.example"
    assert said in answer.content.decode()


def test_what_staff_change_shows_in_the_history(admin, staff, ada):
    answer = admin.post(page_of(ada, "edit"), form_of(ada, first_name="Augusta"))

    text = admin.get(page_of(ada, "past")).content.decode()
    assert answer["Location"] == page_of(ada)
    assert Customer.objects.get().first_name == "Augusta"
    assert "Augusta" in text
    assert "maria" in text


def test_a_list_of_many_asks_as_little_as_a_list_of_few(admin, now, django_assert_max_num_queries):
    people = [customers.Person(email=f"p{n}@shop.example") for n in range(40)]
    customers.identify_many(people=people, now=now)

    with django_assert_max_num_queries(16):
        answer = admin.get(reverse("admin:crm_customer_changelist"))

    assert len(answer.context["cl"].result_list) == 40


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "ada@shop"}, True),
        ({"q": "R-1"}, True),
        ({"q": "nobody"}, False),
        ({"consent": "email:granted"}, True),
        ({"consent": "sms:withdrawn"}, False),
        ({"reach": "email:yes"}, True),
        ({"reach": "email:no"}, False),
        ({"reach": "nonsense"}, True),
        ({"paused": "yes"}, False),
        ({"paused": "no"}, True),
        ({"language": "en"}, True),
        ({"country": "XX"}, False),
    ],
)
def test_customers_are_found_by_words_and_filters(admin, ada, order, query, found):
    answer = admin.get(reverse("admin:crm_customer_changelist"), query)

    assert (ada in answer.context["cl"].result_list) is found


def test_the_timeline_tells_notes_merges_and_requests(admin, ada, now):
    desk.add_note(customer_id=ada.pk, text="Likes oolong", by=None, now=now)
    customers.merge(
        kept_id=ada.pk,
        merged_id=making.customer(now=now).pk,
        cause=MergeCause.STAFF,
        reason="",
        by=None,
        now=now,
    )
    privacy.order(kind="export", customer_id=ada.pk, by=None, source="staff", now=now)

    entries = admin.get(page_of(ada)).context["page"].entries

    assert {"sticky_note_2", "merge", "shield_person"} <= {entry.icon for entry in entries}


def test_many_looks_around_are_one_entry_that_opens(admin, ada, now):
    events.record_many(events=visits(ada, 5, now + timedelta(hours=1)), now=now)

    page = admin.get(page_of(ada))

    folded = [entry.folded for entry in page.context["page"].entries if entry.folded]
    assert [len(steps) for steps in folded] == [5]
    assert "Looked around 5 times" in page.content.decode()


def test_who_may_not_read_notes_is_not_told_them(db, client, ada, now):
    reader = User.objects.create_user("rita", password="x" * 20, is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(reader)
    desk.add_note(customer_id=ada.pk, text="Likes oolong", by=None, now=now)

    assert "Likes oolong" not in client.get(page_of(ada)).content.decode()


def test_the_page_leads_to_twins_and_to_the_company(admin, ada, now, django_assert_max_num_queries):
    twin = making.customer(now=now)
    Customer.objects.filter(pk=twin.pk).update(phone=ada.phone)
    duplicates.find(now=now)
    companies.record_many(companies=[companies.NewCompany("e", "Engines Ltd")], now=now)
    companies.join_many(memberships=[companies.Membership("e", ada.pk)], now=now)

    with django_assert_max_num_queries(45):
        page = admin.get(page_of(ada)).content.decode()

    assert "Merge with" in page
    assert "Engines Ltd" in page
