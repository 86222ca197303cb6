"""Every process killed with -9 once while a campaign sends: all resumes, nobody gets two mails."""

import json

import psycopg
import pytest

from tests.stories import running

pytestmark = pytest.mark.processes

RECIPIENTS = 5000
VICTIMS = ("worker", "beat", "follow", "web", "valkey", "postgres")
PEOPLE = """
INSERT INTO crm_customer (first_name, last_name, email, phone, country, city, postcode, street,
                          language, time_zone, attributes, bucket, created_at)
SELECT 'Person', n::text, 'person' || n || '@example.com', '', 'DE', '', '', '', 'en', 'UTC', '{}',
       n %% 10000, now()
  FROM generate_series(1, %s) AS n
"""
CONSENTS = """
INSERT INTO crm_consent (customer_id, channel, purpose, state, decided_at)
SELECT id, 'email', 'marketing', 'granted', now() FROM crm_customer
"""


def test_a_campaign_survives_the_death_of_every_process(var):
    impatient = {**running.IMPATIENT, "CAMPAIGN_RETRY_SECONDS": "5"}
    with running.running(var, "--no-demo", **impatient) as started:
        campaign = a_campaign_of_five_thousand(started)

        for victim in VICTIMS:
            wait_for_some_more(started, campaign)
            pid = started.kill(victim)
            running.until(
                lambda victim=victim, pid=pid: set(started.pids(victim)) - {pid},
                seconds=60,
                what=f"{victim} is started again",
            )
        running.until(
            lambda: (
                started.value("SELECT state FROM campaigns_campaign WHERE id = %s", [campaign])
                == "finished"
            ),
            seconds=240,
            what="the campaign is finished",
        )

        nobody_got_two(started)
        everybody_is_accounted_for(started, campaign)


def a_campaign_of_five_thousand(started):
    with psycopg.connect(started.record["DATABASE_URL"], autocommit=True) as database:
        database.execute(PEOPLE, [RECIPIENTS])
        database.execute(CONSENTS)
    with running.browser(started) as staff:
        return launched_campaign(started, staff)


def launched_campaign(started, staff):
    rules = {"version": 1, "all": [{"field": "country", "op": "in", "value": ["DE"]}]}
    staff.submit("/admin/marketing/segment/add/", name="All", kind="rule", rules=json.dumps(rules))
    staff.submit(
        "/admin/crm/template/add/",
        name="Kill",
        channel="email",
        subject="To {{ customer.last_name }}",
        html='<p>Hello</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>',
        text="",
    )
    running.until(
        lambda: started.value("SELECT member_count FROM marketing_segment") == RECIPIENTS,
        seconds=90,
        what="the segment is computed",
    )
    staff.submit(
        "/admin/campaigns/campaign/add/",
        name="Kill",
        purpose="marketing",
        segments=started.value("SELECT id FROM marketing_segment"),
        holdout_percent=0,
        channel="email",
        template=started.value("SELECT id FROM crm_template"),
    )
    campaign = started.value("SELECT id FROM campaigns_campaign")
    staff.submit(f"/admin/campaigns/campaign/{campaign}/launch/", typed_name="Kill")
    return campaign


def wait_for_some_more(started, campaign):
    """The campaign goes on: it is neither over nor stuck when the next process dies."""
    query = "SELECT count(*) FROM crm_message WHERE state <> 'sending'"
    before = running.until(lambda: started.rows(query), seconds=60, what="the database answers")[0][
        0
    ]
    running.until(
        lambda: started.value(query) > before, seconds=120, what="more messages are settled"
    )
    assert started.value("SELECT count(*) FROM campaigns_delivery WHERE state = 'planned'"), (
        "the campaign was over before every process had died: send more"
    )


def nobody_got_two(started):
    assert not started.rows(
        "SELECT recipient, count(*) FROM crm_caughtmessage GROUP BY 1 HAVING count(*) > 1"
    )


def everybody_is_accounted_for(started, campaign):
    states = dict(
        started.rows(
            "SELECT m.state, count(*) FROM campaigns_delivery d"
            " JOIN crm_message m ON m.id = d.message_id WHERE d.campaign_id = %s GROUP BY 1",
            [campaign],
        )
    )
    print(f"after the kills: {states}")
    without_mail = started.rows(
        "SELECT m.address, m.state FROM campaigns_delivery d"
        " JOIN crm_message m ON m.id = d.message_id"
        " LEFT JOIN crm_caughtmessage c ON c.recipient = m.address"
        " WHERE d.campaign_id = %s AND c.id IS NULL AND m.state <> 'in_doubt'",
        [campaign],
    )
    assert sum(states.values()) == RECIPIENTS
    assert set(states) <= {"sent", "in_doubt"}
    assert states["sent"] > RECIPIENTS * 0.9
    assert not without_mail
