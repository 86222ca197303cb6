"""A kind of segment condition: what came of the messages of a campaign, or of one of its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign
from marketing.rules import counting, naming, values, windows
from marketing.rules.base import MESSAGE, Asked, Payload, Sql
from marketing.rules.conditions import correspondence
from marketing.rules.counting import Times
from marketing.rules.errors import RuleError
from marketing.rules.windows import Span

ANY = "any"
MAX_ID = 2**63 - 1
MAX_POSITION = 32_767

# What became of a message: the words for it; how its row tells is said where messages are asked.
FATES: Mapping[str, object] = {
    "sent": gettext_lazy("was sent a message %(of)s"),
    "delivered": gettext_lazy("was delivered a message %(of)s"),
    "opened": gettext_lazy("opened a message %(of)s"),
    "clicked": gettext_lazy("clicked in a message %(of)s"),
    "replied": gettext_lazy("answered a message %(of)s"),
    "bounced": gettext_lazy("had a message %(of)s bounce"),
    "complained": gettext_lazy("complained about a message %(of)s"),
    "failed": gettext_lazy("had a message %(of)s fail"),
}

# A message, or the answer to one, knows the delivery that it came from.
_PLANNED = "x.source_kind = 'delivery'"
_OF = (
    "crm_message x JOIN campaigns_delivery d ON d.id = x.source_id"
    f" WHERE {_PLANNED} AND d.campaign_id = %s AND "
)
_AT = "EXISTS (SELECT FROM campaigns_step t WHERE t.id = d.step_id AND t.position = %s) AND "


@dataclass(frozen=True)
class HadCampaign:
    """Messages of a campaign counted by their fate: `{"campaign": 3, "fate": "opened"}`.

    `"any"` stands for all campaigns, and `step` narrows one to a step by its position.
    """

    campaign_id: int | None
    step: int | None
    fate: str
    times: Times
    span: Span

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        keys = ("campaign", "fate", "step", *counting.KEYS, *windows.KEYS)
        values.only_keys(payload, keys, path)
        campaign_id = None
        if payload["campaign"] != ANY:
            campaign_id = values.whole(payload["campaign"], f"{path}.campaign", 1, MAX_ID)
        step = None
        if "step" in payload:
            step = values.whole(payload["step"], f"{path}.step", 1, MAX_POSITION)
        if step and campaign_id is None:
            raise RuleError(
                f"{path}.step",
                _("A step belongs to one campaign."),
                _("Name the campaign, or leave “step” out."),
            )
        return cls(
            campaign_id,
            step,
            values.choice(payload.get("fate"), f"{path}.fate", list(FATES)),
            Times.parse(payload, path),
            Span.parse(payload, path),
        )

    def ask(self, now: datetime) -> Asked:
        """Count the messages of all, or of one customer."""
        asked = self._chosen() + Sql(" AND ") + self.span.where("x.created_at", now)
        mine = Sql("SELECT 1 FROM ") + asked + Sql(" AND x.customer_id = c.id")
        rows = Sql("SELECT x.customer_id FROM ") + asked
        return self.times.ask(one=mine, rows=rows, effort=10)

    def subjects(self) -> frozenset[str]:
        """The messages."""
        return frozenset({MESSAGE})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose messages came into the span or left it."""
        rows = Sql("SELECT x.customer_id FROM ") + self._chosen()
        return self.span.crossed(rows, "x.created_at", since, until)

    def sentence(self) -> str:
        """Say it, with the name of the campaign."""
        said = str(FATES[self.fate]) % {"of": self._of()}
        return self.span.said(self.times.said(said))

    def _of(self) -> str:
        if self.campaign_id is None:
            return _("of any campaign")
        name = None
        if not naming.is_hidden("campaign"):
            found = Campaign.objects.filter(pk=self.campaign_id)
            name = found.values_list("name", flat=True).first()
        words = {"name": name, "id": self.campaign_id, "step": self.step}
        if self.step and name:
            return _("of step %(step)d of the campaign “%(name)s”") % words
        if self.step:
            return _("of step %(step)d of campaign #%(id)d") % words
        return _("of the campaign “%(name)s”") % words if name else _("of campaign #%(id)d") % words

    def _chosen(self) -> Sql:
        fate = Sql(correspondence.FATES[self.fate][0])
        if self.campaign_id is None:
            return Sql(f"crm_message x WHERE {_PLANNED} AND ") + fate
        asked = Sql(_OF, (self.campaign_id,))
        if self.step:
            asked += Sql(_AT, (self.step,))
        return asked + fate
