"""What a story holds on to, and what staff do in it more than once."""

import email
import email.policy
import json
import re
from dataclasses import dataclass

from tests.stories import running


@dataclass
class Story:
    """The set that runs, who looks at it, and what has been made so far."""

    set: running.RunningSet
    staff: running.Browser
    segment: int = 0
    campaign: int = 0
    name: str = ""

    @property
    def page(self) -> str:
        """The address of the campaign's page."""
        return f"/admin/campaigns/campaign/{self.campaign}"

    def add(self, page: str, table: str, **fields: object) -> int:
        """Fill in an add form; gives the id of the new row."""
        before = self.set.value(f"SELECT coalesce(max(id), 0) FROM {table}")
        answer = self.staff.submit(f"/admin/{page}/add/", **fields)
        made = self.set.value(f"SELECT max(id) FROM {table} WHERE id > %s", [before])
        assert made, _errors(answer.text)
        return int(made)

    def plan(self, name: str, *, channel: str, template: int, holdout: int = 0) -> None:
        """Draft a campaign to the segment."""
        self.name = name
        self.campaign = self.add(
            "campaigns/campaign",
            "campaigns_campaign",
            name=name,
            purpose="marketing",
            segments=self.segment,
            holdout_percent=holdout,
            channel=channel,
            template=template,
        )

    def confirm(self) -> None:
        """Open the launch dialog and confirm it."""
        assert self.staff.get(f"{self.page}/launch/").status_code == 200
        answer = self.staff.submit(f"{self.page}/launch/", typed_name=self.name)
        assert "Launched" in answer.text

    def launch(self) -> None:
        """Launch the campaign and wait until everything is sent."""
        self.confirm()
        query = "SELECT state FROM campaigns_campaign WHERE id = %s"
        running.until(
            lambda: self.set.value(query, [self.campaign]) == "finished",
            seconds=120,
            what=f"the campaign {self.name} is finished",
            tell=self.standing,
        )
        assert self.staff.get(f"{self.page}/").status_code == 200

    def standing(self) -> list[tuple[object, ...]]:
        """How the campaign's deliveries and their messages stand."""
        return self.set.rows(
            "SELECT c.state, d.state, d.reason, d.strikes, m.state, m.reason, m.detail, count(*)"
            " FROM campaigns_campaign c LEFT JOIN campaigns_delivery d ON d.campaign_id = c.id"
            " LEFT JOIN crm_message m ON m.id = d.message_id WHERE c.id = %s"
            " GROUP BY 1, 2, 3, 4, 5, 6, 7",
            [self.campaign],
        )

    def gather(self, name: str, rules: dict[str, object]) -> int:
        """Save a segment and wait until a worker has computed it; gives how many are in it."""
        self.segment = self.add(
            "marketing/segment",
            "marketing_segment",
            name=name,
            kind="rule",
            rules=json.dumps(rules),
        )
        query = (
            "SELECT member_count FROM marketing_segment WHERE id = %s AND refreshed_at IS NOT NULL"
        )
        return int(
            running.until(
                lambda: self.set.value(query, [self.segment]),
                seconds=120,
                what="the segment is computed by a worker",
            )
        )

    def caught(self, recipient: str) -> email.message.EmailMessage:
        """The newest mail that went to an address."""
        raw = running.until(
            lambda: self.set.rows(
                "SELECT raw FROM crm_caughtmessage WHERE recipient = %s ORDER BY id DESC LIMIT 1",
                [recipient],
            ),
            seconds=30,
            what=f"a mail to {recipient} is in the outbox",
        )[0][0]
        return email.message_from_bytes(raw, policy=email.policy.default)

    def happened(self, customer: int, name: str) -> None:
        """Wait until an event is on a customer's timeline."""
        running.until(
            lambda: self.set.value(
                "SELECT count(*) FROM crm_event WHERE customer_id = %s AND name = %s",
                [customer, name],
            ),
            seconds=30,
            what=f"{name} is on the timeline of customer {customer}",
        )


def _errors(page: str) -> str:
    return " ".join(re.findall(r'class="[^"]*errorlist[^"]*".*?</ul>|errornote.*?</', page, re.S))
