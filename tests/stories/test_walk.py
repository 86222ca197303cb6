"""The main job, walked once through the real processes, as staff and customers would."""

import re

import httpx
import pytest

from tests.stories import running
from tests.stories.story import Story

pytestmark = pytest.mark.processes

HTML = """
<html><head><style>h1 { color: #0f766e }</style></head><body>
<h1>Hello {{ customer.first_name | default_name("friend") }}</h1>
<p><a href="https://shop.example/sale?from=mail">The sale</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a>
<a href="{{ preferences_url }}">Preferences</a></p>
</body></html>
"""
RULES = {
    "version": 1,
    "all": [
        {"field": "country", "op": "in", "value": ["DE", "CN"]},
        {"consent": "granted", "channel": "email", "purpose": "marketing"},
        {"orders": "count", "op": "at_least", "value": 1},
    ],
}


def test_the_main_job_is_done_end_to_end(tmp_path):
    with (
        running.running(
            tmp_path / "var", CAMPAIGN_RETRY_SECONDS="5", **running.IMPATIENT
        ) as started,
        running.browser(started) as staff,
    ):
        story = Story(started, staff)

        the_demo_shop_is_full(story)
        a_segment_fills(story)
        scores_come_with_reasons(story)
        a_campaign_is_sent_and_balances(story)
        the_outbox_shows_every_mail(story)
        people_click_open_and_unsubscribe(story)
        an_sms_is_delivered_by_a_signed_receipt(story)
        a_question_is_answered_and_handed_over(story)
        staff_have_the_last_word(story)
        the_dashboard_tells(story)


def the_demo_shop_is_full(story):
    counts = story.set.rows(
        "SELECT (SELECT count(*) FROM crm_customer), (SELECT count(*) FROM crm_product),"
        " (SELECT count(*) FROM crm_order), (SELECT count(*) FROM crm_event),"
        " (SELECT count(DISTINCT country) FROM crm_customer),"
        " (SELECT count(DISTINCT language) FROM crm_customer),"
        " (SELECT count(DISTINCT time_zone) FROM crm_customer)"
    )[0]
    customers, products, orders, events, countries, languages, zones = counts
    assert customers >= 5000
    assert products >= 400
    assert orders > customers
    assert events > orders
    assert min(countries, languages, zones) >= 4
    print(f"demo: {customers} customers, {orders} orders, {events} events")


def a_segment_fills(story):
    members = story.gather("Buyers in Germany and China", RULES)

    assert members == story.set.value(
        "SELECT count(*) FROM crm_customer c JOIN crm_orderstatistics s ON s.customer_id = c.id"
        " JOIN crm_consent p ON p.customer_id = c.id AND p.channel = 'email'"
        " AND p.purpose = 'marketing' AND p.state = 'granted' WHERE c.country IN ('DE', 'CN')"
    )
    assert f"{members:,}" in story.staff.get(f"/admin/marketing/segment/{story.segment}/").text


def scores_come_with_reasons(story):
    running.until(
        lambda: (
            story.set.value(
                "SELECT count(*) FROM marketing_trainingrun WHERE state IN ('used', 'not_used')"
            )
            >= 2
        ),
        seconds=240,
        what="both training runs have finished in a worker",
    )
    metrics, baseline = story.set.rows(
        "SELECT metrics, baseline FROM marketing_trainingrun"
        " WHERE kind = 'buys_90_days' AND state = 'used'"
    )[0]

    assert metrics["auc"] > baseline["auc"]
    print(f"score: AUC {metrics['auc']:.3f}, recency {baseline['auc']:.3f}")
    customer = running.until(
        lambda: story.set.rows(
            "SELECT customer_id FROM marketing_score WHERE reasons <> '[]' ORDER BY value DESC"
        ),
        seconds=60,
        what="customers have scores with reasons",
    )[0][0]
    assert "Buys within 90 days" in story.staff.get(f"/admin/crm/customer/{customer}/change/").text
    assert story.set.value("SELECT count(*) FROM marketing_cluster") >= 3


def a_campaign_is_sent_and_balances(story):
    template = story.add(
        "crm/template",
        "crm_template",
        name="Story sale",
        channel="email",
        subject="A sale for {{ customer.first_name | default_name('you') }}",
        html=HTML,
        text="",
    )
    story.plan("Story sale", channel="email", template=template, holdout=10)
    story.launch()

    balance = dict(
        story.set.rows(
            "SELECT state, count(*) FROM campaigns_delivery WHERE campaign_id = %s GROUP BY 1",
            [story.campaign],
        )
    )
    sent = story.set.value(
        "SELECT count(*) FROM crm_message m JOIN campaigns_delivery d ON d.message_id = m.id"
        " WHERE d.campaign_id = %s AND m.state IN ('sent', 'delivered', 'bounced')",
        [story.campaign],
    )
    members = story.set.value(
        "SELECT member_count FROM marketing_segment WHERE id = %s", [story.segment]
    )
    assert sum(balance.values()) == members
    assert sent == balance["handed_over"]
    assert balance["skipped"] >= members * 0.05
    print(f"campaign: {members} planned, {sent} sent, {balance['skipped']} skipped")


def sent_to(story, offset=0):
    """Somebody who got the campaign: customer, address and message."""
    return story.set.rows(
        "SELECT d.customer_id, m.address, m.id FROM campaigns_delivery d"
        " JOIN crm_message m ON m.id = d.message_id"
        " WHERE d.campaign_id = %s AND m.state = 'sent' ORDER BY d.id OFFSET %s LIMIT 1",
        [story.campaign, offset],
    )[0]


def the_outbox_shows_every_mail(story):
    doubled = story.set.rows(
        "SELECT recipient FROM crm_caughtmessage WHERE subject LIKE 'A sale for%%'"
        " GROUP BY recipient HAVING count(*) > 1"
    )
    caught = story.set.value(
        "SELECT count(*) FROM crm_caughtmessage WHERE subject LIKE 'A sale for%%'"
    )
    _, address, _ = sent_to(story)
    mail = story.caught(address)

    assert not doubled
    assert caught == story.set.value(
        "SELECT count(*) FROM campaigns_delivery WHERE campaign_id = %s AND message_id IS NOT NULL",
        [story.campaign],
    )
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.get_body(("plain",)) is not None
    assert address in story.staff.get("/admin/crm/caughtmessage/", params={"q": address}).text


def people_click_open_and_unsubscribe(story):
    agent = {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        "Accept-Language": "en-GB,en",
    }
    with httpx.Client(headers=agent) as public:
        one_person_leaves(story, public)
        people_choose_on_the_preference_page(story, public)


def one_person_leaves(story, public):
    customer, address, _ = sent_to(story)
    mail = story.caught(address)
    html = mail.get_body(("html",)).get_content()

    click = public.get(re.search(r'href="(http[^"]*/c/[^"]+)"', html)[1])
    pixel = public.get(re.search(r'src="(http[^"]*/o/[^"]+)"', html)[1])
    way_out = mail["List-Unsubscribe"].strip("<>")
    looked_at = public.get(way_out)
    state_before = consent_of(story, customer)
    one_click = public.post(way_out, data={"List-Unsubscribe": "One-Click"})

    assert click.status_code == 302
    assert click.headers["Location"] == "https://shop.example/sale?from=mail"
    assert pixel.headers["Content-Type"] == "image/gif"
    assert looked_at.status_code == 200
    assert state_before == "granted"
    assert one_click.status_code == 200
    assert consent_of(story, customer) == "withdrawn"
    for name in ("message.clicked", "message.opened", "consent.withdrawn"):
        story.happened(customer, name)


def people_choose_on_the_preference_page(story, public):
    customer, address, _ = sent_to(story, offset=1)
    html = story.caught(address).get_body(("html",)).get_content()
    page = re.search(r'href="(http[^"]*/p/[^"]+)"', html)[1]

    shown = public.get(page)
    state_before = consent_of(story, customer)
    saved = public.post(page, data={"granted": ["sms"]})

    assert shown.status_code == 200
    assert state_before == "granted"
    assert saved.status_code == 200
    assert consent_of(story, customer) == "withdrawn"


def consent_of(story, customer):
    return story.set.value(
        "SELECT state FROM crm_consent WHERE customer_id = %s AND channel = 'email'"
        " AND purpose = 'marketing'",
        [customer],
    )


def an_sms_is_delivered_by_a_signed_receipt(story):
    template = story.add(
        "crm/template",
        "crm_template",
        name="Story SMS",
        channel="sms",
        text="Hi {{ customer.first_name }}, the sale ends today. Reply STOP to opt out.",
    )
    story.plan("Story SMS", channel="sms", template=template)
    story.launch()

    delivered = running.until(
        lambda: story.set.value(
            "SELECT count(*) FROM crm_message m JOIN campaigns_delivery d ON d.message_id = m.id"
            " WHERE d.campaign_id = %s AND m.state = 'delivered'",
            [story.campaign],
        ),
        seconds=60,
        what="receipts say delivered",
    )
    forged = httpx.post(
        f"{story.set.address}/callbacks/sms_http/",
        json={"id": "1", "status": "delivered"},
        headers={"X-Timestamp": "1", "X-Signature": "no"},
    )
    assert delivered
    assert forged.status_code == 403


def a_question_is_answered_and_handed_over(story):
    customer, address = story.set.rows(
        "SELECT c.id, c.email FROM crm_customer c JOIN crm_consent p ON p.customer_id = c.id"
        " WHERE p.channel = 'email' AND p.state = 'granted' AND c.language = 'en'"
        " AND NOT EXISTS (SELECT 1 FROM crm_conversation o WHERE o.customer_id = c.id)"
        " AND c.email <> '' ORDER BY c.id LIMIT 1"
    )[0]
    story.staff.submit(
        "/admin/crm/caughtmessage/write/",
        channel="email",
        sender=address,
        subject="Returns",
        text="How can I return an item?",
    )
    conversation = running.until(
        lambda: story.set.rows(
            "SELECT id FROM crm_conversation WHERE customer_id = %s", [customer]
        ),
        seconds=30,
        what="the mail has opened a conversation",
    )[0][0]
    by_bot = story.caught(address)
    assert by_bot["Auto-Submitted"] == "auto-replied"

    story.staff.submit(
        "/admin/crm/caughtmessage/write/",
        channel="email",
        sender=address,
        subject="Re: Returns",
        text="My grandmother's parrot swallowed the purple thing, what now?",
    )
    running.until(
        lambda: (
            story.set.value("SELECT handler FROM crm_conversation WHERE id = %s", [conversation])
            == "staff"
        ),
        seconds=60,
        what="the bot hands over what it is not sure of",
    )
    inbox = f"/admin/crm/inbox/{conversation}"
    assert "parrot" in story.staff.get(f"{inbox}/").text
    story.staff.submit(f"{inbox}/reply/", text="Please call our vet line at once.")
    running.until(
        lambda: "vet line" in story.caught(address).get_body(("plain",)).get_content(),
        seconds=30,
        what="the reply of staff has gone out by mail",
    )
    story.staff.submit(f"{inbox}/close/")
    assert (
        story.set.value("SELECT state FROM crm_conversation WHERE id = %s", [conversation])
        == "closed"
    )


def staff_have_the_last_word(story):
    customer = story.set.value(
        "SELECT customer_id FROM marketing_membership m WHERE segment_id = %s"
        " AND EXISTS (SELECT 1 FROM marketing_score s WHERE s.customer_id = m.customer_id)"
        " AND NOT EXISTS (SELECT 1 FROM crm_marketingpause p WHERE p.customer_id = m.customer_id)"
        " ORDER BY customer_id DESC LIMIT 1",
        [story.segment],
    )
    page = f"/admin/crm/customer/{customer}"
    automatic = score_of(story, customer)

    story.staff.submit(f"{page}/pause/", until_date="2099-01-01", reason="Asked on the phone")
    story.staff.submit(
        f"/admin/marketing/segment/{story.segment}/put/",
        customer=customer,
        mode="exclude",
        reason="Works for us",
    )
    story.staff.submit(
        f"/admin/customers/{customer}/score/",
        kind="buys_90_days",
        percent="99",
        reason="Told us so",
    )

    assert score_of(story, customer) == automatic
    assert not story.set.value(
        "SELECT count(*) FROM marketing_membership WHERE segment_id = %s AND customer_id = %s",
        [story.segment, customer],
    )
    shown = story.staff.get(f"{page}/overrides/").text + story.staff.get(f"{page}/change/").text
    for reason in ("Asked on the phone", "Works for us", "Told us so"):
        assert reason in shown
    one_planned_delivery_is_cancelled(story)


def score_of(story, customer):
    return story.set.value(
        "SELECT value FROM marketing_score WHERE customer_id = %s AND kind = 'buys_90_days'",
        [customer],
    )


def one_planned_delivery_is_cancelled(story):
    template = story.set.value("SELECT id FROM crm_template WHERE name = 'Story sale'")
    story.plan("Story pause", channel="email", template=template)
    story.confirm()
    running.until(
        lambda: paused(story), seconds=60, what="the campaign is paused as soon as it runs"
    )
    planned = running.until(
        lambda: story.set.value(
            "SELECT id FROM campaigns_delivery WHERE campaign_id = %s AND state = 'planned'",
            [story.campaign],
        ),
        seconds=30,
        what="deliveries are left in the plan",
    )

    story.staff.submit(f"/admin/campaigns/delivery/{planned}/cancel/", reason="Called instead")

    assert story.set.rows(
        "SELECT state, reason, cancelled_by_id IS NOT NULL FROM campaigns_delivery WHERE id = %s",
        [planned],
    ) == [("cancelled", "staff", True)]
    story.staff.submit(f"{story.page}/resume/")


def paused(story):
    """Press pause as soon as it runs; whether it stands with something left to send."""
    query = "SELECT state FROM campaigns_campaign WHERE id = %s"
    if story.set.value(query, [story.campaign]) == "running":
        fields = {"reason": "A typo", "csrfmiddlewaretoken": story.staff.cookies["csrftoken"]}
        story.staff.post(f"{story.page}/pause/", data=fields, follow_redirects=False)
    return story.set.value(query, [story.campaign]) == "paused"


def the_dashboard_tells(story):
    for language in ("en", "zh-hans"):
        story.staff.cookies.set("django_language", language)
        assert story.staff.get("/admin/").status_code == 200
    answer = httpx.get(f"{story.set.address}/readyz")
    assert answer.status_code == 200, answer.text
