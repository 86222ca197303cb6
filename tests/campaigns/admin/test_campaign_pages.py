"""The pages of campaigns answer staff, keep others out, and ask the database little."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Answer, Campaign, CannedReply, Delivery, Step
from campaigns.reports import balance
from marketing.models import Intent
from tests import making
from tests.campaigns import staging

PARTS = ("page", "live", "audience", "people", "preview", "document", "launch")


def address(campaign, part, **query):
    plain = reverse(f"admin:campaigns_campaign_{part}", args=[campaign.pk])
    return f"{plain}?{'&'.join(f'{name}={value}' for name, value in query.items())}"


@pytest.mark.parametrize("part", PARTS)
def test_staff_see_every_part_of_a_draft(admin, draft, people, part, django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        answer = admin.get(address(draft, part, customer=people[0].pk, text="ada"))

    assert answer.status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_newcomers_see_no_part(newcomer, draft, people, part):
    assert newcomer.get(address(draft, part, customer=people[0].pk)).status_code == 403


@pytest.mark.parametrize("part", PARTS)
def test_strangers_are_sent_to_the_sign_in(client, draft, part):
    answer = client.get(address(draft, part))

    assert answer.status_code == 302
    assert reverse("admin:login") in answer["Location"]


LISTS = ["campaign", "delivery", "answer", "cannedreply", "campaignaction", "step"]


@pytest.mark.parametrize("model", LISTS)
def test_every_list_answers_within_few_queries(
    admin, running, model, django_assert_max_num_queries
):
    intent = Intent.objects.create(code="delivery", name="Delivery", phrases="where is it")
    Answer.objects.create(intent=intent, language="en", text="On its way.")
    CannedReply.objects.create(shortcut="thanks", text="Thank you!")

    with django_assert_max_num_queries(15):
        answer = admin.get(reverse(f"admin:campaigns_{model}_changelist"))

    assert answer.status_code == 200


def test_the_list_of_deliveries_costs_the_same_for_many(admin, running, now):
    url = reverse("admin:campaigns_delivery_changelist")
    admin.get(url)
    with CaptureQueriesContext(connection) as for_three:
        admin.get(url)
    more = [making.subscriber(now=now) for _ in range(5)]
    staging.running(customers=more, now=now)

    with CaptureQueriesContext(connection) as for_eight:
        answer = admin.get(url)

    assert answer.context["cl"].result_count == 8
    assert len(for_eight) == len(for_three)


def test_the_live_part_polls_only_while_something_can_change(admin, running):
    while_running = admin.get(address(running, "live")).content.decode()
    running.state = "finished"
    running.save()

    afterwards = admin.get(address(running, "live")).content.decode()

    assert "every 2s" in while_running
    assert "every 2s" not in afterwards


def test_the_balance_on_the_page_comes_to_what_was_planned(admin, running, now):
    staging.send(campaign=running, now=now)

    answer = admin.get(address(running, "live"))

    rows = answer.context["rows"]
    books = balance(campaign_id=running.pk)
    assert sum(row.count for row in rows) == books.planned == 3
    assert "balances" in answer.content.decode()


def test_every_line_of_the_balance_leads_to_exactly_its_deliveries(admin, running, now):
    staging.send(campaign=running, now=now)
    rows = admin.get(address(running, "live")).context["rows"]
    unfinished = [row for row in rows if row.title != "Waiting"]

    listed = [admin.get(row.address).context["cl"].result_count for row in unfinished]

    assert listed == [row.count for row in unfinished]


def test_the_audience_says_why_people_are_left_out(admin, draft):
    answer = admin.get(address(draft, "audience"))

    assert answer.context["card"].reachable == 2
    assert [(str(reason), count) for reason, count in answer.context["refused"]] == [
        ("No consent", 1)
    ]
    assert "Exact membership is calculated just before sending" in answer.content.decode()


def test_the_preview_is_what_this_person_would_get_in_a_frame_of_its_own(admin, draft, people):
    card = admin.get(address(draft, "preview", customer=people[0].pk)).content.decode()
    document = admin.get(address(draft, "document", customer=people[0].pk))

    assert 'sandbox=""' in card
    assert "Hello Ada" in document.content.decode()
    assert "default-src 'none'" in document["Content-Security-Policy"]
    assert "sandbox" in document["Content-Security-Policy"]


def test_a_template_that_fails_says_so_in_the_preview(admin, people, now):
    broken = staging.draft(customers=people, now=now, html="<p>{{ customer.shoe_size }}</p>")

    answer = admin.get(address(broken, "preview", customer=people[0].pk))

    assert "cannot be rendered" in answer.content.decode()


def test_a_launched_campaign_is_locked(admin, running):
    url = reverse("admin:campaigns_campaign_change", args=[running.pk])

    looked_at = admin.get(url)
    posted = admin.post(url, {"name": "Another name"})

    running.refresh_from_db()
    assert looked_at["Location"] == posted["Location"] == address(running, "page").rstrip("?")
    assert running.name != "Another name"


def test_a_draft_is_made_in_one_form(admin, maria, people, now):
    template = staging.template(now=now)
    segment = staging.segment(customers=people, now=now)
    fields = {
        "name": "Autumn",
        "purpose": "marketing",
        "segments": [segment.pk],
        "holdout_percent": 10,
        "channel": "email",
        "template": template.pk,
        "scheduled_at_0": "",
        "scheduled_at_1": "",
    }

    answer = admin.post(reverse("admin:campaigns_campaign_add"), fields)

    step = Step.objects.select_related("campaign").get()
    assert answer["Location"] == address(step.campaign, "page").rstrip("?")
    assert (step.campaign.name, step.campaign.created_by) == ("Autumn", maria)
    assert (step.channel, step.template) == ("email", template)
    assert list(step.campaign.segments.all()) == [segment]


def test_a_template_for_another_channel_is_refused(admin, now):
    mail = staging.template(now=now)
    fields = {"name": "A", "purpose": "marketing", "holdout_percent": 0}

    answer = admin.post(
        reverse("admin:campaigns_campaign_add"),
        {**fields, "channel": "sms", "template": mail.pk},
    )

    assert "written for another channel" in answer.content.decode()
    assert not Step.objects.exists()


@pytest.mark.parametrize(
    ("purpose", "told", "refused"),
    [
        ("marketing", "+1 Reply STOP to end\nAntworte STOPP", ""),
        ("marketing", "+86 回T退订", ""),
        ("marketing", "", ""),
        ("marketing", "Have a nice day", "names no word to answer with"),
        ("marketing", "Reply STOP\n+49", "names no word to answer with"),
        ("marketing", "Reply STOP\nAntworte STOPP", "Two lines are for the same numbers."),
        ("transactional", "Reply STOP", "leave it empty"),
    ],
)
def test_the_opt_out_text_of_a_campaign_names_a_word_to_answer_with(
    admin, people, now, purpose, told, refused
):
    sms = staging.template(now=now, channel="sms", html="")
    fields = {"name": "A", "purpose": purpose, "holdout_percent": 0, "opt_out_text": told}

    answer = admin.post(
        reverse("admin:campaigns_campaign_add"),
        {**fields, "channel": "sms", "template": sms.pk},
    )

    if refused:
        assert refused in answer.content.decode()
        assert not Campaign.objects.exists()
    else:
        assert Campaign.objects.get().opt_out_text == told
        html = admin.get(answer["Location"]).content.decode()
        assert ("Opt-out text" in html) is bool(told)


def test_a_mail_keeps_no_opt_out_text(admin, now):
    fields = {"name": "A", "purpose": "marketing", "holdout_percent": 0}
    words = {"channel": "email", "opt_out_text": "Reply STOP"}

    admin.post(
        reverse("admin:campaigns_campaign_add"),
        {**fields, **words, "template": staging.template(now=now).pk},
    )

    assert Campaign.objects.get().opt_out_text == ""


@pytest.mark.parametrize(
    ("channel", "kept"), [("email", "aggregate"), ("sms", "")], ids=["email", "sms"]
)
def test_a_mail_may_note_less_than_the_house_does(admin, now, channel, kept):
    template = staging.template(now=now, channel=channel, html="")
    fields = {"name": "A", "purpose": "marketing", "holdout_percent": 0, "tracking": "aggregate"}

    answer = admin.post(
        reverse("admin:campaigns_campaign_add"),
        {**fields, "channel": channel, "template": template.pk},
    )

    assert Campaign.objects.get().tracking == kept
    html = admin.get(answer["Location"]).content.decode()
    assert ("Aggregate: counted for the template" in html) is bool(kept)


def test_launched_campaigns_cannot_be_deleted(admin, running):
    url = reverse("admin:campaigns_campaign_delete", args=[running.pk])

    assert admin.post(url, {"post": "yes"}).status_code == 403
    assert Delivery.objects.filter(campaign=running).count() == 3


def test_history_shows_who_changed_what_and_brings_nothing_back(admin, maria, draft):
    url = reverse("admin:campaigns_campaign_change", args=[draft.pk])
    step = draft.steps.get()
    fields = {"name": "Renamed", "purpose": "marketing", "holdout_percent": 0}
    admin.post(url, {**fields, "channel": step.channel, "template": step.template_id})
    newest = draft.history.first()

    html = admin.get(reverse("admin:campaigns_campaign_history", args=[draft.pk])).content.decode()
    back = admin.post(
        reverse("admin:campaigns_campaign_simple_history", args=[draft.pk, newest.pk]), fields
    )

    assert newest.history_user == maria
    assert "Renamed" in html
    assert back.status_code == 403
