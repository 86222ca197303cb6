"""The ledger of training runs: request, run once, rescue, and put in use."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from crm.models import Order
from marketing import features, scoring
from marketing.choices import RunKind, RunState
from marketing.models import TrainingRun

from .outcome import Outcome

# A run that is still “running” after this belongs to a worker that is gone.
LOST_AFTER = timedelta(minutes=45)
# The bell rings by the hour: this comes to once a day.
RECOMMEND_AFTER = timedelta(hours=23)
# The advisory lock space of “a run of this kind is being put in use”.
_LOCK_SPACE = 0x7A11

# Loaded by the worker that fits: whoever only asks for a run stays light.
_FIT: Mapping[str, str] = {
    RunKind.BUYS_90_DAYS: "marketing.training.buying.fit",
    RunKind.CLUSTERS: "marketing.training.clustering.fit",
    RunKind.RECOMMENDATIONS: "marketing.training.recommending.fit",
}

logger = logging.getLogger(__name__)


def request(*, kind: str, now: datetime) -> TrainingRun:
    """Ask for a run; one that waits already is enough."""
    waiting = TrainingRun.objects.filter(kind=kind, state=RunState.QUEUED).first()
    return waiting or TrainingRun.objects.create(kind=RunKind(kind), requested_at=now)


def run(*, run_id: int, now: datetime) -> TrainingRun:
    """Make a queued run, once, whoever else tries; what goes wrong is kept with it."""
    claimed = TrainingRun.objects.filter(pk=run_id, state=RunState.QUEUED).update(
        state=RunState.RUNNING, started_at=now
    )
    made = TrainingRun.objects.get(pk=run_id)
    if not claimed:
        return made
    try:
        outcome: Outcome = import_string(_FIT[made.kind])(now=now)
        _keep(made, outcome, now)
    except Exception as error:
        logger.exception("Training run %s failed", run_id)
        TrainingRun.objects.filter(pk=run_id).update(
            state=RunState.FAILED, error=f"{type(error).__name__}: {error}"[:500], finished_at=now
        )
    made.refresh_from_db()
    return made


def run_due(*, now: datetime) -> list[TrainingRun]:
    """Give up lost runs, ask for those that have grown old, make what waits, score anew."""
    _give_up_lost(now)
    for kind in RunKind:
        if _has_grown_old(kind, now):
            request(kind=kind, now=now)
    waiting = TrainingRun.objects.filter(state=RunState.QUEUED).order_by("requested_at", "pk")
    made = [run(run_id=pk, now=now) for pk in waiting.values_list("pk", flat=True)]
    trained = {done.kind for done in made if done.state == RunState.USED}
    for stale in scoring.stale_kinds(now=now):
        if stale not in trained:
            scoring.score_all(kind=stale, now=now)
    features.prune(now=now)
    return made


def _keep(run: TrainingRun, outcome: Outcome, now: datetime) -> None:
    """Write the outcome down and, where it is good enough, put it in use in one transaction."""
    run.as_of_date = outcome.as_of_date
    run.rows = outcome.rows
    run.gate = [demand.as_row() for demand in outcome.gate]
    run.metrics = dict(outcome.metrics)
    run.baseline = dict(outcome.baseline)
    run.parameters = dict(outcome.parameters)
    run.finished_at = now
    run.state = outcome.state
    if outcome.estimator is not None:
        from marketing.estimators import keeping

        run.artifact, run.artifact_sha256 = keeping.dump(outcome.estimator, key=settings.SECRET_KEY)
    # What recommendations are made from is replaced in any case: bestsellers are the answer then.
    is_replacing = outcome.state == RunState.USED or run.kind == RunKind.RECOMMENDATIONS
    with transaction.atomic():
        _wait_for_others(run.kind)
        if is_replacing:
            in_use = TrainingRun.objects.filter(kind=run.kind, state=RunState.USED)
            in_use.update(state=RunState.REPLACED)
        run.save()
        if is_replacing:
            _put_in_use(run, outcome, now)


def _wait_for_others(kind: str) -> None:
    """Of two runs of a kind that end at once the later one sees what the other wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, kind])


def _put_in_use(run: TrainingRun, outcome: Outcome, now: datetime) -> None:
    if run.kind == RunKind.RECOMMENDATIONS:
        from . import recommending

        recommending.keep(run=run, now=now)
        return
    if run.kind == RunKind.CLUSTERS:
        from . import clustering

        clusters = clustering.keep(run=run, estimator=outcome.estimator)
        clustering.carry_over(clusters=clusters, now=now)
    scoring.score_all(kind=run.kind, now=now)


def _give_up_lost(now: datetime) -> None:
    lost = TrainingRun.objects.filter(state=RunState.RUNNING, started_at__lt=now - LOST_AFTER)
    lost.update(state=RunState.FAILED, error="The worker was lost.", finished_at=now)


def _has_grown_old(kind: str, now: datetime) -> bool:
    runs = TrainingRun.objects.filter(kind=kind)
    if kind == RunKind.RECOMMENDATIONS:
        # What sells changes by the day, and there are bestsellers from the first order on.
        is_wanted = runs.exists() or Order.objects.exists()
        young = now - RECOMMEND_AFTER
    else:
        is_wanted = runs.exists()
        young = now - timedelta(days=settings.TRAINING_REFRESH_DAYS)
    return is_wanted and not runs.filter(requested_at__gt=young).exists()
