"""Conditions about what customers allow: consent per channel and purpose, and reach."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _

from crm.choices import Channel, ConsentState, Purpose
from marketing.rules import values
from marketing.rules.base import Payload, Sql, join, wrap

NEVER = "never"
# Where a channel's address stands on the customer row.
ADDRESSES = {Channel.EMAIL: "c.email", Channel.SMS: "c.phone"}


@dataclass(frozen=True)
class HasConsent:
    """Where a consent stands: `{"consent": "granted", "channel": "email"}`.

    The purpose is marketing unless another is given; `never` asks for no decision at all.
    """

    state: str
    channel: str
    purpose: str

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("consent", "channel", "purpose"), path)
        return cls(
            values.choice(payload["consent"], f"{path}.consent", [*ConsentState.values, NEVER]),
            values.choice(payload.get("channel"), f"{path}.channel", Channel.values),
            values.choice(
                payload.get("purpose", Purpose.MARKETING), f"{path}.purpose", Purpose.values
            ),
        )

    def sql(self, now: datetime) -> Sql:
        """Look where the consent stands."""
        rows = "SELECT k.customer_id FROM crm_consent k WHERE k.channel = %s AND k.purpose = %s"
        if self.state == NEVER:
            return Sql(f"c.id NOT IN ({rows})", (self.channel, self.purpose))
        return Sql(f"c.id IN ({rows} AND k.state = %s)", (self.channel, self.purpose, self.state))

    def sentence(self) -> str:
        """Say it."""
        patterns = {
            ConsentState.GRANTED.value: _("consent to %(purpose)s by %(channel)s is granted"),
            ConsentState.PENDING.value: _("consent to %(purpose)s by %(channel)s is not confirmed"),
            ConsentState.WITHDRAWN.value: _("consent to %(purpose)s by %(channel)s is withdrawn"),
            NEVER: _("consent to %(purpose)s by %(channel)s was never decided"),
        }
        return patterns[self.state] % {
            "purpose": str(Purpose(self.purpose).label),
            "channel": str(Channel(self.channel).label),
        }


@dataclass(frozen=True)
class Reachable:
    """May get marketing by a channel right now: `{"reach": "email"}`.

    An address, granted consent, no pause and no suppression; the gate decides again at sending.
    """

    channel: str

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("reach",), path)
        return cls(values.choice(payload["reach"], f"{path}.reach", Channel.values))

    def sql(self, now: datetime) -> Sql:
        """Ask what the gate asks."""
        address = Sql(ADDRESSES[Channel(self.channel)])
        hashed = wrap(
            "encode(sha256(convert_to(%s || ':' || lower(", address, "), 'UTF8')), 'hex')"
        )
        consent = Sql(
            "c.id IN (SELECT k.customer_id FROM crm_consent k WHERE k.channel = %s"
            " AND k.purpose = 'marketing' AND k.state = 'granted')",
            (self.channel,),
        )
        pause = Sql(
            "c.id NOT IN (SELECT p.customer_id FROM crm_marketingpause p"
            " WHERE p.lifted_at IS NULL AND p.expires_at > %s)",
            (now,),
        )
        suppression = Sql(
            "NOT EXISTS (SELECT 1 FROM crm_suppression u WHERE u.channel = %s"
            " AND (u.expires_at IS NULL OR u.expires_at > %s) AND u.address_hash = ",
            (self.channel, now),
        ) + Sql(hashed.text + ")", (self.channel,))
        known = address + Sql(" <> ''")
        return wrap("(", join(" AND ", [known, consent, pause, suppression]), ")")

    def sentence(self) -> str:
        """Say it."""
        return _("can be reached by %(channel)s") % {"channel": str(Channel(self.channel).label)}
