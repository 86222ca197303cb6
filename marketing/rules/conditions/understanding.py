"""Conditions about what we understand: scores, clusters and other segments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _

from marketing.choices import ScoreKind
from marketing.rules import naming, operators, values
from marketing.rules.base import CLUSTER, Asked, Payload, Sql, Timeless, exists, wrap
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

    def ask(self, now: datetime) -> Asked:
        """Ask the override in force, else the computed value."""
        forced = Sql(
            " FROM marketing_scoreoverride h WHERE h.kind = %s AND h.lifted_at IS NULL"
            " AND (h.expires_at IS NULL OR h.expires_at > %s)",
            (self.kind, now),
        )
        computed = Sql(" FROM marketing_score a WHERE a.kind = %s", (self.kind,))
        effective = wrap("coalesce((SELECT h.value", forced, " AND h.customer_id = c.id), ") + wrap(
            "(SELECT a.value", computed, " AND a.customer_id = c.id))"
        )
        by_hand = wrap("SELECT h.customer_id", forced, " AND ")
        # Few are set by hand: they are read once, and each score is held against them.
        by_itself = wrap(" UNION ALL SELECT a.customer_id", computed, " AND a.customer_id NOT IN (")
        members = (
            by_hand
            + self.question.bare(Sql("h.value"), now)
            + by_itself
            + wrap("SELECT h.customer_id", forced, ") AND ")
            + self.question.bare(Sql("a.value"), now)
        )
        test = self.question.sql(effective, now)
        return Asked(test, members, names_once=True, effort=2)

    def subjects(self) -> frozenset[str]:
        """That score."""
        return frozenset({f"score:{self.kind}"})

    def crossed(self, since: datetime, until: datetime) -> Sql | None:
        """Whose override ended."""
        return Sql(
            "SELECT customer_id FROM marketing_scoreoverride"
            " WHERE kind = %s AND expires_at BETWEEN %s AND %s",
            (self.kind, since, until),
        )

    def sentence(self) -> str:
        """Say it."""
        what = _("score “%(kind)s”") % {"kind": ScoreKind(self.kind).label}
        return self.question.sentence(what)


@dataclass(frozen=True)
class InCluster(Timeless):
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

    def ask(self, now: datetime) -> Asked:
        """Look among the clusters of the run in use."""
        rows = Sql(
            "SELECT m.customer_id FROM marketing_clustermembership m"
            " JOIN marketing_cluster k ON k.id = m.cluster_id WHERE k.traits ?& %s",
            (list(self.traits),),
        )
        return Asked(exists(rows + Sql(" AND m.customer_id = c.id")), rows, names_once=True)

    def subjects(self) -> frozenset[str]:
        """The clusters."""
        return frozenset({CLUSTER})

    def sentence(self) -> str:
        """Say it."""
        return _("is in the cluster “%(name)s”") % {"name": cluster_name(self.traits)}


@dataclass(frozen=True)
class InSegment(Timeless):
    """Members of another segment, as it was last computed: `{"segment": 3}`."""

    segment_id: int
    inside: bool

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("segment", "op"), path)
        op = values.choice(payload.get("op", "in"), f"{path}.op", ["in", "not_in"])
        return cls(values.whole(payload["segment"], f"{path}.segment", 1, MAX_ID), op == "in")

    def ask(self, now: datetime) -> Asked:
        """Look among the memberships."""
        rows = Sql(
            "SELECT m.customer_id FROM marketing_membership m WHERE m.segment_id = %s",
            (self.segment_id,),
        )
        found = exists(rows + Sql(" AND m.customer_id = c.id"))
        test = found if self.inside else wrap("NOT ", found)
        return Asked(test, rows, inside=self.inside, names_once=True)

    def subjects(self) -> frozenset[str]:
        """The members of that segment."""
        return frozenset({f"segment:{self.segment_id}"})

    def sentence(self) -> str:
        """Say it."""
        if name := naming.name_of(f"segment:{self.segment_id}"):
            named = _("is in “%(name)s”") if self.inside else _("is not in “%(name)s”")
            return named % {"name": name}
        pattern = _("is in segment #%(id)d") if self.inside else _("is not in segment #%(id)d")
        return pattern % {"id": self.segment_id}
