"""How good probabilities are on people the estimator has not seen."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

from .registry import estimators
from .scaling import Floats

Labels = NDArray[np.int64]
_CROSS_VALIDATION_ROWS = 20_000


def measure(labels: Labels, ranking: Floats, *, brier: float | None = None) -> dict[str, float]:
    """AUC, average precision, Brier score and lift of the best tenth for n labels (0, 1).

    A ranking that is no probability comes with the Brier score of the probability behind it.
    """
    best = np.argsort(-ranking, kind="stable")[: max(1, len(labels) // 10)]
    return {
        "auc": float(roc_auc_score(labels, ranking)),
        "average_precision": float(average_precision_score(labels, ranking)),
        "brier": float(brier_score_loss(labels, ranking)) if brier is None else brier,
        "top_decile_lift": float(labels[best].mean() / labels.mean()),
        "positive_rate": float(labels.mean()),
        "rows": len(labels),
    }


def auc_gain(
    labels: Labels, probability: Floats, baseline: Floats, draws: int = 300
) -> tuple[float, float, float]:
    """AUC above the baseline's, with a 95 % interval from a paired bootstrap over people."""
    gain = roc_auc_score(labels, probability) - roc_auc_score(labels, baseline)
    drawn = np.random.default_rng(0)
    gains = []
    for _ in range(draws):
        rows = drawn.integers(0, len(labels), len(labels))
        if 0 < labels[rows].sum() < len(rows):
            gains.append(
                roc_auc_score(labels[rows], probability[rows])
                - roc_auc_score(labels[rows], baseline[rows])
            )
    low, high = np.quantile(gains, [0.025, 0.975]) if gains else (gain, gain)
    return float(gain), float(low), float(high)


def cross_validate(name: str, values: Floats, labels: Labels, people: Labels) -> float:
    """Mean AUC of a registered estimator over four stratified folds, nobody in two of them."""
    rows = np.random.default_rng(0).permutation(len(labels))[:_CROSS_VALIDATION_ROWS]
    folds = StratifiedGroupKFold(n_splits=4, shuffle=True, random_state=0)
    scores = cross_val_score(
        estimators.get(name)(),
        values[rows],
        labels[rows],
        groups=people[rows],
        cv=folds,
        scoring="roc_auc",
    )
    return float(np.mean(scores))
