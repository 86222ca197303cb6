"""Conditions about what was said: messages and how they fared, and what theirs meant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.choices import Channel
from marketing.rules import counting, values, windows
from marketing.rules.base import INSIGHT, MESSAGE, Asked, Payload, Sql
from marketing.rules.counting import Times
from marketing.rules.windows import Span

# What became of a message: how its row tells, and the words for it.
FATES: Mapping[str, tuple[str, object]] = {
    "sent": ("x.direction = 'out' AND x.sent_at IS NOT NULL", gettext_lazy("was sent a message")),
    "delivered": ("x.delivered_at IS NOT NULL", gettext_lazy("was delivered a message")),
    "opened": ("x.opened_at IS NOT NULL", gettext_lazy("opened a message")),
    "clicked": ("x.clicked_at IS NOT NULL", gettext_lazy("clicked in a message")),
    "bounced": ("x.watched_state = 'bounced'", gettext_lazy("had a message bounce")),
    "complained": ("x.watched_state = 'complained'", gettext_lazy("complained about a message")),
    "failed": ("x.watched_state = 'failed'", gettext_lazy("had a message fail")),
    "replied": ("x.direction = 'in'", gettext_lazy("wrote to us")),
}


@dataclass(frozen=True)
class HadMessage:
    """Messages counted by their fate: `{"message": "opened", "at_most": 0, "within_days": 90}`.

    The span looks at when a message was written; who opened it is a human, machines aside.
    """

    fate: str
    channel: str
    times: Times
    span: Span

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; without a channel all count."""
        keys = ("message", "channel", *counting.KEYS, *windows.KEYS)
        values.only_keys(payload, keys, path)
        channel = ""
        if "channel" in payload:
            channel = values.choice(payload["channel"], f"{path}.channel", Channel.values)
        return cls(
            values.choice(payload["message"], f"{path}.message", list(FATES)),
            channel,
            Times.parse(payload, path),
            Span.parse(payload, path),
        )

    def ask(self, now: datetime) -> Asked:
        """Count the messages of all, or of one customer."""
        asked = self._chosen() + Sql(" AND ") + self.span.where("x.created_at", now)
        mine = Sql("SELECT 1 FROM crm_message x WHERE x.customer_id = c.id AND ") + asked
        rows = Sql("SELECT x.customer_id FROM crm_message x WHERE ") + asked
        return self.times.ask(one=mine, rows=rows, effort=8)

    def subjects(self) -> frozenset[str]:
        """The messages."""
        return frozenset({MESSAGE})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose messages came into the span or left it."""
        rows = Sql("SELECT x.customer_id FROM crm_message x WHERE ") + self._chosen()
        return self.span.crossed(rows, "x.created_at", since, until)

    def sentence(self) -> str:
        """Say it."""
        said = self.times.said(str(FATES[self.fate][1]))
        if self.channel:
            channel = str(Channel(self.channel).label)
            said = _("%(said)s by %(channel)s") % {"said": said, "channel": channel}
        return self.span.said(said)

    def _chosen(self) -> Sql:
        asked = Sql(FATES[self.fate][0])
        if self.channel:
            asked += Sql(" AND x.channel = %s", (self.channel,))
        return asked


@dataclass(frozen=True)
class HadIntent:
    """What they wrote was read as: `{"insight": "refund", "within_days": 30}`."""

    intent: str
    times: Times
    span: Span

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; the intent is given by its code."""
        values.only_keys(payload, ("insight", *counting.KEYS, *windows.KEYS), path)
        code = values.text(payload["insight"], f"{path}.insight")
        return cls(code, Times.parse(payload, path), Span.parse(payload, path))

    def ask(self, now: datetime) -> Asked:
        """Count the messages that were read so."""
        asked = Sql(_READ_AS, (self.intent,)) + self.span.where("x.created_at", now)
        mine = Sql("SELECT 1 FROM ") + asked + Sql(" AND x.customer_id = c.id")
        rows = Sql("SELECT x.customer_id FROM ") + asked
        return self.times.ask(one=mine, rows=rows, effort=12)

    def subjects(self) -> frozenset[str]:
        """What messages mean."""
        return frozenset({INSIGHT})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose messages came into the span or left it."""
        rows = Sql("SELECT x.customer_id FROM crm_message x WHERE x.direction = 'in'")
        return self.span.crossed(rows, "x.created_at", since, until)

    def sentence(self) -> str:
        """Say it."""
        said = _("wrote about “%(intent)s”") % {"intent": self.intent}
        return self.span.said(self.times.said(said))


_READ_AS = (
    "marketing_intent t JOIN marketing_insight i ON i.intent_id = t.id"
    " JOIN crm_message x ON x.id = i.message_id WHERE t.code = %s AND "
)
