"""Gradient boosting with calibrated probabilities."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.utils.validation import check_is_fitted, validate_data

from .effects import against_typical
from .scaling import Floats


class CalibratedBoosting(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Histogram gradient boosting, small trees, sigmoid calibration over three folds."""

    def __init__(
        self, iterations: int = 60, leaves: int = 12, random_state: int | None = 0
    ) -> None:
        self.iterations = iterations
        self.leaves = leaves
        self.random_state = random_state

    def fit(self, X: Floats, y: NDArray[Any]) -> Self:  # noqa: N803 - scikit-learn's names
        """Learn from X (n × d, NaN where unknown) and classes y (n)."""
        X, y = validate_data(  # noqa: N806
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        trees = HistGradientBoostingClassifier(
            max_iter=self.iterations,
            max_leaf_nodes=self.leaves,
            learning_rate=0.06,
            min_samples_leaf=30,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=self.random_state,
        )
        rarest = np.unique(y, return_counts=True)[1].min()
        # Calibration needs each class in each fold; too few rows stay uncalibrated.
        self.calibrated_ = (
            CalibratedClassifierCV(trees, method="sigmoid", cv=3) if rarest >= 3 else trees
        ).fit(X, y)
        self.classes_ = self.calibrated_.classes_
        # What effects compare with: the median, and 0 for a column that is never known.
        typical = SimpleImputer(strategy="median", keep_empty_features=True)
        self.typical_ = typical.fit(X).statistics_
        return self

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Probability of each class (n × k)."""
        checked = self._checked(X)
        return np.asarray(self.calibrated_.predict_proba(checked))

    def predict(self, X: Floats) -> NDArray[Any]:  # noqa: N803
        """The likeliest class of each row."""
        probability = self.predict_proba(X)
        likeliest = np.argmax(probability, axis=1)
        return np.asarray(self.classes_[likeliest])

    def contributions(self, X: Floats) -> Floats:  # noqa: N803
        """Change in log-odds against the typical value of each feature (n × d); see effects."""
        return against_typical(
            lambda values: self.calibrated_.predict_proba(values)[:, -1],
            self._checked(X),
            self.typical_,
        )

    def _checked(self, values: Floats) -> Floats:
        check_is_fitted(self)
        checked = validate_data(
            self, values, dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )
        return np.asarray(checked)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
