"""Scores and clusters of everybody with the runs in use, and scores set by hand beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from crm import changes
from marketing import signals
from marketing.choices import RunKind, RunState, ScoreKind
from marketing.models import Cluster, ClusterMembership, Score, ScoreOverride, TrainingRun
from marketing.rules.base import CLUSTER
from marketing.wording import reason_sentence

if TYPE_CHECKING:
    from marketing.features import Matrix

RESCORE_AFTER = timedelta(hours=23)
REASONS = 4
# The advisory lock space of “the scores of this kind are being written”.
_LOCK_SPACE = 0x5C0E
# Effects smaller than this (in log-odds) are not worth a sentence.
_SMALLEST_EFFECT = 0.05

_REPLACE_SCORES = """
    WITH fresh AS (
        SELECT * FROM unnest(%s::bigint[], %s::float8[], %s::jsonb[])
            AS fresh (customer_id, value, reasons)
    ),
    gone AS (
        DELETE FROM marketing_score s WHERE s.kind = %s
            AND NOT EXISTS (SELECT 1 FROM fresh f WHERE f.customer_id = s.customer_id)
    )
    INSERT INTO marketing_score (customer_id, kind, value, reasons, run_id, computed_at)
    SELECT f.customer_id, %s, f.value, f.reasons, %s, %s
    FROM fresh f JOIN crm_customer c ON c.id = f.customer_id
    ON CONFLICT (customer_id, kind) DO UPDATE SET value = excluded.value,
        reasons = excluded.reasons, run_id = excluded.run_id, computed_at = excluded.computed_at
"""

_REPLACE_CLUSTERS = """
    INSERT INTO marketing_clustermembership (customer_id, cluster_id, distance)
    SELECT f.customer_id, k.id, f.distance
    FROM unnest(%s::bigint[], %s::int[], %s::float8[]) AS f (customer_id, number, distance)
    JOIN marketing_cluster k ON k.run_id = %s AND k.number = f.number
    JOIN crm_customer c ON c.id = f.customer_id
"""


@dataclass(frozen=True, slots=True)
class EffectiveScore:
    """What the machine says and why, and what staff say; the hand wins."""

    automatic: float | None
    by_hand: float | None
    reasons: tuple[str, ...]
    computed_at: datetime | None = None

    @property
    def value(self) -> float | None:
        """The one that counts."""
        return self.automatic if self.by_hand is None else self.by_hand


def score_all(*, kind: str, now: datetime) -> int:
    """Compute everybody's score (or cluster) as of today with the run in use, and why.

    Locks the kind while it writes, so that two workers follow one another.
    """
    from marketing import features
    from marketing.estimators import keeping

    run = TrainingRun.objects.filter(kind=kind, state=RunState.USED).first()
    if run is None or run.artifact is None:
        return 0
    estimator = keeping.load(bytes(run.artifact), run.artifact_sha256, key=settings.SECRET_KEY)
    day = features.latest_date(now=now)
    features.build(as_of_date=day)
    found = features.matrix(as_of_date=day)
    write = _write_clusters if kind == RunKind.CLUSTERS else _write_scores
    with transaction.atomic():
        _lock(kind)
        write(run, estimator, found, now)
        run.parameters["scored_at"] = now.isoformat()
        run.save(update_fields=["parameters"])
        subject = CLUSTER if kind == RunKind.CLUSTERS else f"score:{kind}"
        changes.note_anybody(subjects=(subject,), now=now)
        announce = partial(
            signals.scores_computed.send, sender=TrainingRun, kind=kind, run_id=run.pk
        )
        transaction.on_commit(announce, robust=True)
    return len(found.customer_ids)


def stale_kinds(*, now: datetime) -> list[str]:
    """The kinds in use that were computed too long ago."""
    old = (now - RESCORE_AFTER).isoformat()
    fitted = TrainingRun.objects.filter(state=RunState.USED, artifact__isnull=False)
    used = fitted.values_list("kind", "parameters")
    return [kind for kind, parameters in used if parameters.get("scored_at", "") < old]


@transaction.atomic
def set_by_hand(  # noqa: PLR0913 - who, when and why belong to every override
    *,
    customer_id: int,
    kind: str,
    value: float,
    reason: str,
    by: AbstractBaseUser | None,
    now: datetime,
    expires_at: datetime | None = None,
) -> ScoreOverride:
    """Set a score by hand; the automatic value goes on beside it."""
    if not 0 <= value <= 1:
        raise ValueError(f"A score is a probability from 0 to 1, not {value}.")
    lift_by_hand(customer_id=customer_id, kind=kind, by=by, now=now)
    made = ScoreOverride.objects.create(
        customer_id=customer_id,
        kind=ScoreKind(kind),
        value=value,
        reason=reason,
        set_by_id=by.pk if by else None,
        created_at=now,
        expires_at=expires_at,
    )
    _tell_by_hand(customer_id, kind, now)
    return made


@transaction.atomic
def lift_by_hand(
    *, customer_id: int, kind: str, by: AbstractBaseUser | None, now: datetime
) -> bool:
    """Let the automatic value count again."""
    lifted = ScoreOverride.objects.filter(
        customer_id=customer_id, kind=kind, lifted_at__isnull=True
    ).update(lifted_at=now, lifted_by_id=by.pk if by else None)
    if lifted:
        _tell_by_hand(customer_id, kind, now)
    return bool(lifted)


def effective(*, customer_id: int, kind: str, now: datetime) -> EffectiveScore:
    """The score that counts for one customer, with its reasons as sentences."""
    score = Score.objects.filter(customer_id=customer_id, kind=kind).first()
    overrides = ScoreOverride.objects.filter(customer_id=customer_id, kind=kind)
    by_hand = overrides.in_force(now=now).values_list("value", flat=True).first()
    if score is None:
        return EffectiveScore(None, by_hand, ())
    reasons = tuple(
        reason_sentence(reason["feature"], reason["value"], reason["effect"])
        for reason in score.reasons
    )
    return EffectiveScore(score.value, by_hand, reasons, score.computed_at)


def _write_scores(run: TrainingRun, estimator: Any, found: "Matrix", now: datetime) -> None:
    if not len(found.customer_ids):
        Score.objects.filter(kind=run.kind).delete()
        return
    names = run.parameters["columns"]
    seen = found.columns(names)
    values = estimator.predict_proba(seen)[:, 1].tolist()
    effects = estimator.contributions(seen)
    reasons = [
        Jsonb(_reasons(names, own, moved))
        for own, moved in zip(seen.tolist(), effects.tolist(), strict=True)
    ]
    ids = found.customer_ids.tolist()
    with connection.cursor() as cursor:
        cursor.execute(_REPLACE_SCORES, [ids, values, reasons, run.kind, run.kind, run.pk, now])


def _write_clusters(run: TrainingRun, estimator: Any, found: "Matrix", now: datetime) -> None:
    distances = estimator.transform(found.columns(run.parameters["columns"]))
    numbers = distances.argmin(axis=1)
    ClusterMembership.objects.all().delete()
    ids = found.customer_ids.tolist()
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLACE_CLUSTERS, [ids, numbers.tolist(), distances.min(axis=1).tolist(), run.pk]
        )
    for cluster in Cluster.objects.filter(run=run):
        size = int((numbers == cluster.number).sum())
        Cluster.objects.filter(pk=cluster.pk).update(size=size)


def _reasons(
    names: Sequence[str], own: Sequence[float], effects: Sequence[float]
) -> list[dict[str, Any]]:
    """The strongest effects with the customer's own number; NaN (unknown) becomes null."""
    ranked = sorted(zip(names, own, effects, strict=True), key=lambda entry: -abs(entry[2]))
    return [
        {
            "feature": name,
            "value": round(value, 2) if value == value else None,  # noqa: PLR0124 - NaN
            "effect": round(effect, 3),
        }
        for rank, (name, value, effect) in enumerate(ranked[:REASONS])
        if rank == 0 or abs(effect) >= _SMALLEST_EFFECT
    ]


def _lock(kind: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, kind])


def _tell_by_hand(customer_id: int, kind: str, now: datetime) -> None:
    changes.note(customer_ids=[customer_id], subjects=(f"score:{kind}",), now=now)
    announce = partial(signals.scores_computed.send, sender=ScoreOverride, kind=kind, run_id=None)
    transaction.on_commit(announce, robust=True)
