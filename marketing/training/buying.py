"""Who buys within 90 days: learnt on earlier windows, tested on the latest one, then refitted.

With T the day of the features in use: the test looks from T − 90 days at what was bought until T;
training looks from earlier days at windows that end before the test's begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from crm.models import Order
from marketing import features
from marketing.choices import RunState
from marketing.estimators.registry import estimators

from .gate import Demand
from .outcome import Outcome

HORIZON_DAYS = 90
# How much history must lie before a training day for it to be stacked on the others.
HISTORY_DAYS = 90
MAX_CUTS = 3
MIN_CUSTOMERS = 300
MIN_OF_EACH = 50
# The simplest first; a later one must rank better by more than the margin to be chosen.
CANDIDATES = ("logistic", "boosting")
MARGIN = 0.01
# What the estimators see. Revenue is orders times the average order, and the counts of part of
# the time repeat those of all: with them in, weights of either sign would explain nothing.
COLUMNS = (
    "recency_days",
    "tenure_days",
    "orders",
    "average_order",
    "gap_days",
    "views_30_days",
    "views_90_days",
    "engagements_90_days",
)
_RECENCY = COLUMNS.index("recency_days")


@dataclass(frozen=True)
class Windows:
    """The days from which features look back and labels look forward."""

    in_use: date
    test: date
    training: tuple[date, ...]


@dataclass(frozen=True)
class Lesson:
    """Stacked feature rows (n × d), whether each bought within the horizon, and whose it is (n)."""

    values: NDArray[np.float64]
    labels: NDArray[np.int64]
    people: NDArray[np.int64]


def fit(*, now: datetime) -> Outcome:
    """Pass the gate, choose an estimator by cross-validation, test it, and refit it for use."""
    windows = plan(now=now)
    training, test = _lesson(windows.training), _lesson([windows.test])
    demands = _demands(training, test)
    if not all(demand.is_met for demand in demands):
        return Outcome(RunState.REFUSED, windows.in_use, len(test.labels), demands)
    return _compare(windows, training, test, demands)


def plan(*, now: datetime) -> Windows:
    """Choose the days: the test ends today, each training window ends where the next begins."""
    in_use = features.latest_date(now=now)
    test = in_use - timedelta(days=HORIZON_DAYS)
    first = Order.objects.order_by("placed_at").values_list("placed_at", flat=True).first()
    begun = first.date() if first else in_use
    days = [test - timedelta(days=HORIZON_DAYS * cut) for cut in range(1, MAX_CUTS + 1)]
    enough = [day for day in days if day - begun >= timedelta(days=HISTORY_DAYS)]
    return Windows(in_use, test, tuple(enough or days[:1]))


def _lesson(days: Sequence[date]) -> Lesson:
    values, labels, people = [], [], []
    for day in days:
        features.build(as_of_date=day)
        found = features.matrix(as_of_date=day)
        values.append(found.columns(COLUMNS))
        labels.append(features.bought_within(features=found, days=HORIZON_DAYS))
        people.append(found.customer_ids)
    return Lesson(np.vstack(values), np.concatenate(labels), np.concatenate(people))


def _demands(training: Lesson, test: Lesson) -> list[Demand]:
    bought, tested = int(training.labels.sum()), int(test.labels.sum())
    return [
        Demand("training_customers", MIN_CUSTOMERS, len(training.labels)),
        Demand("training_buyers", MIN_OF_EACH, bought),
        Demand("training_others", MIN_OF_EACH, len(training.labels) - bought),
        Demand("test_customers", MIN_CUSTOMERS, len(test.labels)),
        Demand("test_buyers", MIN_OF_EACH, tested),
        Demand("test_others", MIN_OF_EACH, len(test.labels) - tested),
    ]


def _compare(
    windows: Windows, training: Lesson, test: Lesson, demands: Sequence[Demand]
) -> Outcome:
    from marketing.estimators import measures

    tried = {
        name: measures.cross_validate(name, training.values, training.labels, training.people)
        for name in CANDIDATES
    }
    chosen = CANDIDATES[0]
    for name in CANDIDATES[1:]:
        chosen = name if tried[name] > tried[chosen] + MARGIN else chosen
    fitted = estimators.get(chosen)().fit(training.values, training.labels)
    probability = fitted.predict_proba(test.values)[:, 1]
    # The baseline ranks by recency itself; only its Brier score needs a probability.
    recency = -test.values[:, _RECENCY]
    rate = estimators.get("recency")().fit(training.values[:, [_RECENCY]], training.labels)
    rated = measures.measure(test.labels, rate.predict_proba(test.values[:, [_RECENCY]])[:, 1])
    baseline = measures.measure(test.labels, recency, brier=rated["brier"])
    gain, low, high = measures.auc_gain(test.labels, probability, recency)
    parameters = {
        "estimator": chosen,
        "columns": list(COLUMNS),
        "cross_validated_auc": tried,
        "auc_gain": gain,
        "auc_gain_low": low,
        "auc_gain_high": high,
        "test_date": windows.test.isoformat(),
        "training_dates": [day.isoformat() for day in windows.training],
        "horizon_days": HORIZON_DAYS,
    }
    return Outcome(
        # Better by chance is not better: the whole interval must lie above the baseline.
        state=RunState.USED if low > 0 else RunState.NOT_USED,
        as_of_date=windows.in_use,
        rows=len(test.labels),
        gate=demands,
        metrics=measures.measure(test.labels, probability),
        baseline=baseline,
        parameters=parameters,
        estimator=_refit(chosen, windows) if low > 0 else None,
    )


def _refit(name: str, windows: Windows) -> object:
    """Fit again with the latest complete window among the lessons."""
    lesson = _lesson([windows.test, *windows.training])
    return estimators.get(name)().fit(lesson.values, lesson.labels)
