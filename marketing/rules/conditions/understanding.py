"""Conditions about what we understand: scores, clusters and other segments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _

from marketing.choices import ScoreKind
from marketing.rules import operators, values
from marketing.rules.base import Payload, Sql, wrap
from marketing.wording import TRAITS, cluster_name

MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class HasScore:
    """The effective score, where staff's value wins: `{"score": "buys_90_days", …}`."""

    kind: str
    question: operators.Question

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("score", "op", "value"), path)
        kind = values.choice(payload["score"], f"{path}.score", ScoreKind.values)
        return cls(kind, operators.parse_number(payload, path))

    def sql(self, now: datetime) -> Sql:
        """Ask the override in force, else the computed value."""
        effective = Sql(
            "c.id IN (SELECT coalesce(h.customer_id, a.customer_id) FROM"
            " (SELECT customer_id, value FROM marketing_scoreoverride WHERE kind = %s"
            " AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > %s)) h FULL JOIN"
            " (SELECT customer_id, value FROM marketing_score WHERE kind = %s) a"
            " ON a.customer_id = h.customer_id WHERE ",
            (self.kind, now, self.kind),
        )
        return effective + self.question.sql(Sql("coalesce(h.value, a.value)"), now) + Sql(")")

    def sentence(self) -> str:
        """Say it."""
        what = _("score “%(kind)s”") % {"kind": ScoreKind(self.kind).label}
        return self.question.sentence(what)


@dataclass(frozen=True)
class InCluster:
    """Customer clusters that show all the traits: `{"cluster": ["recent", "big_spender"]}`.

    Traits stay the same words from one training run to the next; numbers of clusters do not.
    """

    traits: tuple[str, ...]

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("cluster",), path)
        found = values.texts(payload["cluster"], f"{path}.cluster")
        known = list(TRAITS)
        return cls(
            tuple(
                values.choice(trait, f"{path}.cluster[{position}]", known)
                for position, trait in enumerate(found)
            )
        )

    def sql(self, now: datetime) -> Sql:
        """Look among the clusters of the run in use."""
        return Sql(
            "c.id IN (SELECT m.customer_id FROM marketing_clustermembership m"
            " JOIN marketing_cluster k ON k.id = m.cluster_id WHERE k.traits ?& %s)",
            (list(self.traits),),
        )

    def sentence(self) -> str:
        """Say it."""
        return _("is in the cluster “%(name)s”") % {"name": cluster_name(self.traits)}


@dataclass(frozen=True)
class InSegment:
    """Members of another segment, as it was last computed: `{"segment": 3}`."""

    segment_id: int
    inside: bool

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("segment", "op"), path)
        op = values.choice(payload.get("op", "in"), f"{path}.op", ["in", "not_in"])
        return cls(values.whole(payload["segment"], f"{path}.segment", 1, MAX_ID), op == "in")

    def sql(self, now: datetime) -> Sql:
        """Look among the memberships."""
        inner = Sql(
            "SELECT m.customer_id FROM marketing_membership m WHERE m.segment_id = %s",
            (self.segment_id,),
        )
        return wrap("c.id IN (" if self.inside else "c.id NOT IN (", inner, ")")

    def sentence(self) -> str:
        """Say it."""
        pattern = _("is in segment #%(id)d") if self.inside else _("is not in segment #%(id)d")
        return pattern % {"id": self.segment_id}
