"""Customer clusters: k-means on recency, frequency, value and behaviour, named from the centres."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketing import features
from marketing.choices import RunState
from marketing.estimators.registry import estimators
from marketing.models import Cluster, Segment, TrainingRun
from marketing.wording import NOUNS

from .gate import Demand
from .outcome import Outcome

MIN_CUSTOMERS = 200
# What the clusters are made from; the other features follow from these or are mostly noise.
COLUMNS = (
    "recency_days",
    "tenure_days",
    "orders",
    "revenue",
    "average_order",
    "categories",
    "views_90_days",
)
# Which trait a centre shows beyond so many standard deviations from the average customer.
TRAITS: Sequence[tuple[str, float, str]] = (
    ("recency_days", -0.4, "recent"),
    ("recency_days", 0.5, "lapsed"),
    ("tenure_days", -0.6, "new"),
    ("tenure_days", 0.6, "long_standing"),
    ("orders", 0.5, "loyal"),
    ("revenue", 0.5, "big_spender"),
    ("revenue", -0.5, "small_spender"),
    ("views_90_days", 0.6, "browsing"),
    ("views_90_days", -0.6, "quiet"),
    ("categories", 0.6, "varied"),
    ("categories", -0.6, "focused"),
)
ADJECTIVES = 2


def fit(*, now: datetime) -> Outcome:
    """Pass the gate and find the clusters of everybody who has ordered."""
    day = features.latest_date(now=now)
    features.build(as_of_date=day)
    found = features.matrix(as_of_date=day)
    demand = Demand("customers", MIN_CUSTOMERS, len(found.customer_ids))
    if not demand.is_met:
        return Outcome(RunState.REFUSED, day, demand.found, [demand])
    fitted = estimators.get("clusters")().fit(found.columns(COLUMNS))
    chosen = len(fitted.cluster_centers_)
    silhouette, stability, _both = fitted.quality_[chosen]
    return Outcome(
        state=RunState.USED,
        as_of_date=day,
        rows=demand.found,
        gate=[demand],
        metrics={"silhouette": silhouette, "stability": stability, "clusters": chosen},
        parameters={
            "estimator": "clusters",
            "columns": list(COLUMNS),
            "quality": {str(k): list(rated) for k, rated in fitted.quality_.items()},
        },
        estimator=fitted,
    )


def keep(*, run: TrainingRun, estimator: Any) -> list[Cluster]:
    """Write the clusters of a run down, each with a name of its own."""
    found = features.matrix(as_of_date=run.as_of_date)  # type: ignore[arg-type]
    labels = estimator.predict(found.columns(COLUMNS))
    centres = [_centre(found.values[labels == number]) for number in range(_count(estimator))]
    rows = [
        Cluster(
            run=run,
            number=number,
            traits=list(traits),
            centre=centres[number],
            size=int((labels == number).sum()),
        )
        for number, traits in enumerate(_names(estimator.cluster_centers_, centres))
    ]
    return Cluster.objects.bulk_create(rows)


def carry_over(*, clusters: Sequence[Cluster], now: datetime) -> None:
    """Lead each cluster segment to the new cluster most like the one it had."""
    followers = Segment.objects.filter(cluster__isnull=False).select_related("cluster")
    for segment in followers:
        held = set(segment.cluster.traits)  # type: ignore[union-attr]
        nearest = max(clusters, key=lambda cluster: _likeness(held, set(cluster.traits)))
        Segment.objects.filter(pk=segment.pk).update(cluster=nearest, refresh_wanted_at=now)


def _count(estimator: Any) -> int:
    return len(estimator.cluster_centers_)


def _centre(members: NDArray[np.float64]) -> dict[str, float]:
    """The mean of each feature, in its own unit; what nobody has is left out."""
    centre = {}
    for column, name in enumerate(features.NAMES):
        known = members[:, column][~np.isnan(members[:, column])]
        if len(known):
            centre[name] = round(float(known.mean()), 2)
    return centre


def _names(
    centres: NDArray[np.float64], means: Sequence[Mapping[str, float]]
) -> list[tuple[str, ...]]:
    """Traits of each centre, most striking first, with as many as tell all of them apart."""
    ranked = [_ranked(centre, mean) for centre, mean in zip(centres, means, strict=True)]
    wanted = ADJECTIVES
    while True:
        names = [_cut(traits, wanted) for traits in ranked]
        alike = any(one == other for one, other in pairwise(sorted(map(sorted, names))))
        if not alike or wanted > len(TRAITS):
            return names
        wanted += 1


def _ranked(centre: NDArray[np.float64], mean: Mapping[str, float]) -> list[str]:
    shown = {
        trait: abs(centre[COLUMNS.index(column)])
        for column, beyond, trait in TRAITS
        if centre[COLUMNS.index(column)] * np.sign(beyond) >= abs(beyond)
    }
    if mean["orders"] < 1.2:
        shown["one_time"] = 3.0
        # Who ordered once cannot have bought widely: saying so adds nothing.
        shown.pop("focused", None)
    return sorted(shown, key=lambda trait: -shown[trait])


def _cut(traits: Sequence[str], adjectives: int) -> tuple[str, ...]:
    """So many adjectives and one noun."""
    kept = [trait for trait in traits if trait not in NOUNS][:adjectives]
    nouns = [trait for trait in traits if trait in NOUNS][:1] or ["buyer"]
    return (*kept, *nouns)


def _likeness(one: set[str], other: set[str]) -> float:
    return len(one & other) / (len(one | other) or 1)
