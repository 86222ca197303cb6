"""Conditions about what customers allow: consent per channel and purpose, and reach."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _

from crm.choices import Channel, ConsentState, Purpose, SuppressionReason
from crm.consent import ADDRESSES
from marketing.rules import values
from marketing.rules.base import (
    CONSENT,
    IDENTITY,
    PERSON,
    SUPPRESSION,
    Asked,
    Payload,
    Sql,
    Timeless,
    exists,
    join,
    row_test,
    wrap,
)

NEVER = "never"


@dataclass(frozen=True)
class HasConsent(Timeless):
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

    def ask(self, now: datetime) -> Asked:
        """Look where the consent stands."""
        rows = Sql(
            "SELECT k.customer_id FROM crm_consent k WHERE k.channel = %s AND k.purpose = %s",
            (self.channel, self.purpose),
        )
        if self.state != NEVER:
            rows += Sql(" AND k.state = %s", (self.state,))
        found = exists(rows + Sql(" AND k.customer_id = c.id"))
        if self.state == NEVER:
            return Asked(wrap("NOT ", found), rows, inside=False, names_once=True)
        return Asked(found, rows, names_once=True)

    def subjects(self) -> frozenset[str]:
        """The consents."""
        return frozenset({CONSENT})

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

    def ask(self, now: datetime) -> Asked:
        """Ask what the gate asks, each part by itself."""
        address = Sql(ADDRESSES[self.channel])
        consent = HasConsent(ConsentState.GRANTED, self.channel, Purpose.MARKETING)
        paused = Sql(
            "SELECT p.customer_id FROM crm_marketingpause p"
            " WHERE p.lifted_at IS NULL AND p.expires_at > %s",
            (now,),
        )
        not_paused = wrap("NOT ", exists(paused + Sql(" AND p.customer_id = c.id")))
        parts = (
            row_test(address + Sql(" <> ''")),
            consent.ask(now),
            Asked(not_paused, paused, inside=False, names_once=True),
            Asked(wrap("NOT ", _suppressed(self.channel, now)), reads_row=True, effort=1.5),
        )
        test = wrap("(", join(" AND ", [part.test for part in parts]), ")")
        return Asked(test, reads_row=True, parts=parts)

    def subjects(self) -> frozenset[str]:
        """The address, the consents, what is suppressed and who is left in peace."""
        return frozenset({PERSON, IDENTITY, CONSENT, SUPPRESSION})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose pause or suppression ended."""
        paused = "SELECT customer_id FROM crm_marketingpause WHERE expires_at BETWEEN %s AND %s"
        freed = _freed(self.channel, since, until)
        return Sql(f"{paused} UNION ALL ", (since, until)) + freed

    def sentence(self) -> str:
        """Say it."""
        return _("can be reached by %(channel)s") % {"channel": str(Channel(self.channel).label)}


@dataclass(frozen=True)
class IsSuppressed:
    """The address of a channel is not to be written to: `{"suppressed": "email"}`."""

    channel: str
    reason: str

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload; without a reason all count."""
        values.only_keys(payload, ("suppressed", "reason"), path)
        channel = values.choice(payload["suppressed"], f"{path}.suppressed", Channel.values)
        reason = ""
        if "reason" in payload:
            known = SuppressionReason.values
            reason = values.choice(payload["reason"], f"{path}.reason", known)
        return cls(channel, reason)

    def ask(self, now: datetime) -> Asked:
        """Look for the address among those that are suppressed."""
        known = Sql(f"({ADDRESSES[self.channel]} <> '' AND ")
        test = known + wrap("", _suppressed(self.channel, now, self.reason), ")")
        return Asked(test, reads_row=True, effort=1.5)

    def subjects(self) -> frozenset[str]:
        """The address, and what is suppressed."""
        return frozenset({PERSON, SUPPRESSION})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose suppression ended."""
        return _freed(self.channel, since, until)

    def sentence(self) -> str:
        """Say it."""
        words = {"channel": str(Channel(self.channel).label), "reason": ""}
        if not self.reason:
            return _("the address for %(channel)s is suppressed") % words
        words["reason"] = str(SuppressionReason(self.reason).label)
        return _("the address for %(channel)s is suppressed (%(reason)s)") % words


def _hash(channel: str) -> Sql:
    address = ADDRESSES[channel]
    text = f"encode(sha256(convert_to(%s || ':' || lower({address}), 'UTF8')), 'hex')"
    return Sql(text, (channel,))


def _suppressed(channel: str, now: datetime, reason: str = "") -> Sql:
    """Left to the planner: reading all suppressions once may be less than asking of each."""
    rows = Sql(
        "EXISTS (SELECT FROM crm_suppression u WHERE u.channel = %s"
        " AND (u.expires_at IS NULL OR u.expires_at > %s)",
        (channel, now),
    )
    if reason:
        rows += Sql(" AND u.reason = %s", (reason,))
    return rows + wrap(" AND u.address_hash = ", _hash(channel), ")")


def _freed(channel: str, since: datetime, until: datetime) -> Sql:
    """Whose suppression ended; whether any did is asked first, as hashing everybody takes long."""
    span = (since, until)
    ended = "EXISTS (SELECT FROM crm_suppression WHERE expires_at BETWEEN %s AND %s)"
    hashes = "SELECT address_hash FROM crm_suppression WHERE expires_at BETWEEN %s AND %s"
    freed = Sql(f"SELECT c.id FROM crm_customer c WHERE {ended} AND ", span) + _hash(channel)  # noqa: S608
    return freed + Sql(f" IN ({hashes})", span)
