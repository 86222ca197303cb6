"""The baseline that a model must beat: how often people of like recency buy."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from .scaling import Floats


class RecencyRate(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Rate of the second class by one column, falling as the column grows (isotonic regression).

    `column` is the position of the days since the last order.
    """

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, X: Floats, y: NDArray[Any]) -> Self:  # noqa: N803 - scikit-learn's names
        """Learn the rate from X (n × d) and two classes y (n)."""
        X, y = validate_data(self, X, y, dtype=np.float64)  # noqa: N806
        check_classification_targets(y)
        self.classes_ = unique_labels(y)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is multiclass, "
                f"with {len(self.classes_)} classes."
            )
        hit = (y == self.classes_[-1]).astype(np.float64)
        self.rate_ = IsotonicRegression(
            y_min=0, y_max=1, increasing=False, out_of_bounds="clip"
        ).fit(X[:, self.column], hit)
        return self

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Probability of each class (n × 2)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)  # noqa: N806
        rate = self.rate_.predict(X[:, self.column])
        if len(self.classes_) == 1:
            return np.ones((len(X), 1))
        return np.column_stack([1 - rate, rate])

    def predict(self, X: Floats) -> NDArray[Any]:  # noqa: N803
        """The likelier class of each row."""
        likeliest = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[likeliest])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = True
        return tags
