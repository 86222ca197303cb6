"""Logistic regression on log-scaled features, with exact contributions."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted, validate_data

from .scaling import Floats, log_scaling


class LogLogistic(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """L2-penalised logistic regression after median filling, signed log and scaling.

    Its probabilities are calibrated by construction (a proper likelihood with an intercept).
    """

    def __init__(self, penalty: float = 30.0, random_state: int | None = 0) -> None:
        self.penalty = penalty
        self.random_state = random_state

    def fit(self, X: Floats, y: NDArray[Any]) -> Self:  # noqa: N803 - scikit-learn's names
        """Learn from X (n × d, NaN where unknown) and classes y (n)."""
        X, y = validate_data(  # noqa: N806
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        self.scaling_ = log_scaling().fit(X)
        self.linear_ = LogisticRegression(
            C=1 / self.penalty, max_iter=1000, random_state=self.random_state
        ).fit(self.scaling_.transform(X), y)
        self.classes_ = self.linear_.classes_
        return self

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Probability of each class (n × k)."""
        scaled = self._scaled(X)
        return np.asarray(self.linear_.predict_proba(scaled))

    def predict(self, X: Floats) -> NDArray[Any]:  # noqa: N803
        """The likeliest class of each row."""
        scaled = self._scaled(X)
        return np.asarray(self.linear_.predict(scaled))

    def contributions(self, X: Floats) -> Floats:  # noqa: N803
        """What each feature adds to the log-odds against the average customer (n × d), exactly."""
        return np.asarray(self._scaled(X) * self.linear_.coef_[0])

    def _scaled(self, values: Floats) -> Floats:
        check_is_fitted(self)
        checked = validate_data(
            self, values, dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )
        return np.asarray(self.scaling_.transform(checked))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
