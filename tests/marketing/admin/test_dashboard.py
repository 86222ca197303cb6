"""The first page: the shop's figures, what needs attention, and the sidebar by rights."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import override

from crm.models import Callback, Conversation, Mailbox, Message, Order, ReturnedMail
from marketing import dashboards
from marketing.models import Segment, TrainingRun
from tests import making

INDEX = "admin:index"


def order(customer, now, *, days, total):
    return Order.objects.create(
        number=f"O-{days}-{total}",
        customer=customer,
        placed_at=now - timedelta(days=days),
        currency="EUR",
        total=Decimal(total),
    )


def message(customer, now, **facts):
    return Message.objects.create(
        **{
            "customer": customer,
            "direction": "out",
            "channel": "email",
            "purpose": "marketing",
            "author": "campaign",
            "address": customer.email,
            "key": f"key-{Message.objects.count()}",
            "state": "sent",
            "created_at": now,
            **facts,
        }
    )


def test_revenue_is_compared_with_the_thirty_days_before(greta, now):
    order(greta, now, days=3, total=120)
    order(greta, now, days=40, total=80)
    order(greta, now, days=100, total=999)

    figures = dashboards.figures(now=now)

    assert (figures.revenue.value, figures.revenue.before) == (120, 80)
    assert figures.revenue.change_percent == 50
    assert figures.orders == 1
    assert sum(day.value for day in figures.revenue.days) == 1199


def test_a_cancelled_order_is_no_revenue(greta, now):
    cancelled = order(greta, now, days=3, total=120)
    cancelled.state = "cancelled"
    cancelled.save()

    assert dashboards.figures(now=now).revenue.value == 0


def test_only_what_was_handed_over_counts_as_sent(greta, now):
    message(greta, now)
    message(greta, now, channel="sms", state="bounced", reason="hard_bounce")
    message(greta, now, state="failed", reason="rejected")
    message(greta, now, direction="in", state="received")

    figures = dashboards.figures(now=now)

    assert figures.sent.value == 2
    assert dict(figures.sent_per_channel) == {"email": 1, "sms": 1}


def test_nothing_before_means_no_comparison(db, now):
    assert dashboards.figures(now=now).revenue.change_percent is None


def test_the_figures_take_few_statements(greta, ben, now, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):  # one of them for each channel
        figures = dashboards.figures(now=now)

    assert figures.customers == 2
    assert figures.reach["email"].reachable == 1


def test_the_dashboard_answers_within_few_queries(admin, germans, django_assert_max_num_queries):
    with django_assert_max_num_queries(35):
        answer = admin.get(reverse(INDEX))

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "Sending now" in html
    assert "Germans" in html
    assert "Nothing. Everything goes as it should." in html


def test_an_empty_shop_is_told_what_to_do(admin):
    html = admin.get(reverse(INDEX)).content.decode()

    assert "Import orders" in html
    assert "Make a campaign" in html


def test_newcomers_see_no_figures(newcomer, germans):
    html = newcomer.get(reverse(INDEX)).content.decode()

    assert "Reach" not in html
    assert "Germans" not in html


def test_strangers_are_sent_to_the_sign_in(client, db):
    assert client.get(reverse(INDEX)).status_code == 302


def test_what_needs_attention_leads_to_where_it_is_dealt_with(admin, greta, now):
    message(greta, now, state="in_doubt", reason="worker_lost")
    message(greta, now, state="failed", reason="unreachable")
    Conversation.objects.create(
        customer=greta,
        channel="email",
        handler="staff",
        waiting_since_at=now - timedelta(hours=2),
        opened_at=now,
        last_message_at=now,
    )
    Callback.objects.create(provider="sms_http", key="1", body=b"", state="failed", received_at=now)
    Segment.objects.create(name="Broken", error="rules.all[0]: no")
    TrainingRun.objects.create(kind="clusters", state="refused", requested_at=now)

    answer = admin.get(reverse(INDEX))

    items = answer.context["attention"]
    assert len(items) == 6
    answers = [admin.get(item.address, follow=True) for item in items]
    assert {answer.status_code for answer in answers} == {200}
    # The admin's lists answer a filter they do not know by going to “?e=1”.
    assert not any("e=1" in address for answer in answers for address, _ in answer.redirect_chain)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_dashboard_speaks_the_readers_language(admin, germans, language):
    answer = admin.get(reverse(INDEX), headers={"accept-language": language})

    assert answer.status_code == 200
    assert answer["Content-Language"] == language


def test_every_page_of_the_sidebar_answers_staff(admin, greta):
    from marketing.navigation import SIDEBAR

    links = [item["link"] for group in SIDEBAR["navigation"] for item in group["items"]]

    answers = {str(link): admin.get(str(link), follow=True).status_code for link in links}

    assert set(answers.values()) == {200}, answers


def test_the_sidebar_offers_only_what_a_person_may_see(admin, newcomer, greta):
    offered = admin.get(reverse(INDEX)).content.decode()
    withheld = newcomer.get(reverse(INDEX)).content.decode()
    campaigns = reverse("admin:campaigns_campaign_changelist")

    assert f'href="{campaigns}"' in offered
    assert f'href="{campaigns}"' not in withheld


def test_the_sidebar_marks_where_one_is(admin, greta):
    html = admin.get(reverse("admin:marketing_segment_changelist")).content.decode()

    links = re.findall(r'<a href="([^"]+)" class="[^"]* active"', html)
    assert links == [reverse("admin:marketing_segment_changelist")]


def test_figures_are_kept_for_a_minute_and_say_when_they_were_computed(admin, greta, now):
    admin.get(reverse(INDEX))
    making.customer(now=now)

    answer = admin.get(reverse(INDEX))

    assert answer.context["board"].tiles[0].figure == "1"
    assert "Figures computed" in answer.content.decode()


def test_the_bare_address_leads_to_the_dashboard(client):
    assert client.get("/")["Location"] == reverse(INDEX)


def test_numbers_are_grouped_in_both_languages():
    for language in ("en", "zh-hans"):
        with override(language):
            assert intcomma(94220) == "94,220"


def test_mailboxes_that_cannot_be_read_and_mails_put_aside_need_attention(admin, now):
    Mailbox.objects.create(
        name="Bounces",
        host="mail.example",
        user="ada",
        health="ailing",
        health_detail="wrong password",
        failures=2,
        created_at=now,
    )
    ReturnedMail.objects.create(state="put_aside", error="what is this?", taken_at=now)

    page = admin.get(reverse(INDEX)).content.decode()

    assert "wrong password" in page
    assert "1 mail that came back is put aside" in page
