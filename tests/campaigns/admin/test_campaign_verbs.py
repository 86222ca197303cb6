"""What staff do to campaigns calls one operation, rings, and shows in the campaign's log."""

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.choices import CampaignState, CampaignVerb, DeliveryState
from campaigns.models import CampaignAction, Delivery
from crm import accounts
from tests.campaigns import staging


def do(client, campaign, verb, **fields):
    url = reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])
    answer = client.post(url, fields, follow=True)
    campaign.refresh_from_db()
    return answer


def said(answer):
    return " ".join(str(message) for message in answer.context["messages"])


def test_a_launch_is_logged_and_rung(admin, maria, draft, rung):
    do(admin, draft, "launch")

    assert draft.state == CampaignState.SCHEDULED
    action = CampaignAction.objects.get(campaign=draft)
    assert (action.verb, action.by) == (CampaignVerb.LAUNCHED, maria)
    assert rung == ["advance_campaigns"]


def test_the_dialog_shows_exact_numbers_and_the_undo_window(admin, draft, settings):
    settings.LAUNCH_UNDO_SECONDS = 45

    html = admin.get(reverse("admin:campaigns_campaign_launch", args=[draft.pk])).content.decode()

    assert "2 people get" in html
    assert "45 seconds after the launch" in html
    assert "typed_name" not in html


def test_the_dialog_says_what_an_sms_costs_and_that_a_mail_costs_nothing(admin, draft, now):
    address = reverse("admin:campaigns_campaign_launch", args=[draft.pk])
    told = {"url": "https://sms.example/x", "prices": "+44 0.04", "currency": "GBP"}
    accounts.keep(new=accounts.NewAccount("texts", "sms", "sms_http", told), now=now)
    mail = admin.get(address).content.decode()
    sms = staging.template(now=now, channel="sms", html="", text="a" * 161)
    draft.steps.update(channel="sms", template=sms)

    text = " ".join(admin.get(address).content.decode().split())

    assert "It costs about" not in mail
    assert "It costs about 0.16 GBP: 2 SMS for each person (GSM-7)." in text
    assert "+44 2 people × 0.04 GBP an SMS = 0.16" in text


def test_an_sms_is_previewed_as_it_leaves_with_its_parts(admin, draft, people, now):
    told = {"url": "https://sms.example/x", "opt_out_text": "Reply STOP to end"}
    accounts.keep(new=accounts.NewAccount("texts", "sms", "sms_http", told), now=now)
    sms = staging.template(now=now, channel="sms", html="", text="a" * 150)
    draft.steps.update(channel="sms", template=sms)
    address = reverse("admin:campaigns_campaign_preview", args=[draft.pk])

    html = admin.get(f"{address}?customer={people[0].pk}").content.decode()

    assert f"{'a' * 150} Reply STOP to end" in html
    assert "2 SMS of 168 units together in GSM-7" in html


@pytest.mark.parametrize(("typed", "state"), [("", "draft"), ("wrong", "draft")])
def test_a_large_launch_needs_the_name_typed(admin, draft, settings, typed, state):
    settings.LAUNCH_CONFIRM_ABOVE = 1

    answer = do(admin, draft, "launch", typed_name=typed)

    assert draft.state == state
    assert "Type the name" in said(answer)


def test_a_large_launch_goes_with_the_name_typed(admin, draft, settings):
    settings.LAUNCH_CONFIRM_ABOVE = 1

    do(admin, draft, "launch", typed_name=draft.name)

    assert draft.state == CampaignState.SCHEDULED


def test_what_stands_against_a_launch_is_said(admin, draft):
    draft.segments.clear()

    answer = do(admin, draft, "launch")

    assert draft.state == CampaignState.DRAFT
    assert "No segment" in said(answer)


def test_a_launch_can_be_taken_back_before_it_starts(admin, draft):
    do(admin, draft, "launch")

    do(admin, draft, "take_back")

    assert draft.state == CampaignState.DRAFT
    assert not Delivery.objects.exists()


def test_pause_and_continue_keep_who_and_why(admin, maria, running):
    do(admin, running, "pause", reason="A wrong price")
    paused = running.state

    do(admin, running, "resume")

    newest = CampaignAction.objects.filter(campaign=running, by=maria).order_by("pk")
    assert (paused, running.state) == (CampaignState.PAUSED, CampaignState.RUNNING)
    assert [(row.verb, row.reason) for row in newest] == [
        (CampaignVerb.PAUSED, "A wrong price"),
        (CampaignVerb.RESUMED, ""),
    ]


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_reason_is_demanded(admin, running, verb):
    answer = do(admin, running, verb, reason="  ")

    assert running.state == CampaignState.RUNNING
    assert "Say why" in said(answer)


def test_a_cancelled_campaign_says_so_on_every_waiting_delivery(admin, maria, running):
    do(admin, running, "cancel", reason="Sold out")

    rows = Delivery.objects.filter(campaign=running)
    assert running.state == CampaignState.CANCELLED
    assert {(row.state, row.cancelled_by) for row in rows} == {(DeliveryState.CANCELLED, maria)}


def test_what_does_not_apply_any_more_is_said_and_changes_nothing(admin, running):
    answer = do(admin, running, "take_back")

    assert running.state == CampaignState.RUNNING
    assert "cannot be done any more" in said(answer)


@pytest.mark.parametrize("verb", ["launch", "take_back", "pause", "resume", "cancel"])
def test_newcomers_may_do_nothing(newcomer, draft, verb, rung):
    url = reverse(f"admin:campaigns_campaign_{verb}", args=[draft.pk])

    assert newcomer.post(url, {"reason": "x"}).status_code == 403
    draft.refresh_from_db()
    assert draft.state == CampaignState.DRAFT
    assert rung == []


@pytest.mark.parametrize("verb", ["take_back", "pause", "resume", "cancel"])
def test_looking_changes_nothing(admin, running, verb):
    url = reverse(f"admin:campaigns_campaign_{verb}", args=[running.pk])

    assert admin.get(url).status_code == 405


def test_one_planned_delivery_is_cancelled_with_a_reason_from_the_customers_page(
    admin, maria, running, people
):
    delivery = Delivery.objects.get(campaign=running, customer=people[0])
    page = reverse("admin:crm_customer_change", args=[people[0].pk])
    url = reverse("admin:campaigns_delivery_cancel", args=[delivery.pk])
    offered = admin.get(page).content.decode()

    answer = admin.post(url, {"reason": "Asked by phone", "next": page})

    delivery.refresh_from_db()
    assert url in offered
    assert answer["Location"] == page
    assert (delivery.state, delivery.detail) == (DeliveryState.CANCELLED, "Asked by phone")
    assert delivery.cancelled_by == maria
    assert "Asked by phone" in admin.get(page).content.decode()


def test_newcomers_cancel_no_delivery(newcomer, running):
    delivery = Delivery.objects.filter(campaign=running).first()
    url = reverse("admin:campaigns_delivery_cancel", args=[delivery.pk])

    assert newcomer.post(url, {"reason": "x"}).status_code == 403


def test_deliveries_are_a_ledger(admin, running):
    delivery = Delivery.objects.filter(campaign=running).first()

    changed = admin.post(
        reverse("admin:campaigns_delivery_change", args=[delivery.pk]), {"state": "handed_over"}
    )
    added = admin.get(reverse("admin:campaigns_delivery_add"))
    deleted = admin.post(reverse("admin:campaigns_delivery_delete", args=[delivery.pk]))

    assert {changed.status_code, added.status_code, deleted.status_code} == {403}


def test_a_scheduled_campaign_says_when_it_starts(admin, draft, now):
    draft.scheduled_at = now + timedelta(days=2)
    draft.save()
    do(admin, draft, "launch")

    html = admin.get(reverse("admin:campaigns_campaign_live", args=[draft.pk])).content.decode()

    assert "starts at" in html
    assert (now + timedelta(days=2)).isoformat()[:16] in html
