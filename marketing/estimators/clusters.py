"""k-means on log-scaled features, with the number of clusters chosen by fit and stability."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .scaling import Floats, log_scaling

_SILHOUETTE_ROWS = 2_000
_STABILITY_ROWS = 5_000
_NEARLY = 0.85
# How much of the distances between all pairs is held at once.
_MEGABYTES = 8


class LogKMeans(TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """k-means with `n_clusters`, or the best of `low` to `high` where that is None.

    Each number is rated by its mean silhouette times its stability (the adjusted Rand index
    between the fit and fits to `bootstraps` resamples); of those rated nearly as well as the
    best, the finest is taken.
    """

    def __init__(
        self,
        n_clusters: int | None = None,
        low: int = 3,
        high: int = 8,
        bootstraps: int = 4,
        random_state: int | None = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.low = low
        self.high = high
        self.bootstraps = bootstraps
        self.random_state = random_state

    def fit(self, X: Floats, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's names
        """Find the clusters of X (n × d, NaN where unknown)."""
        X = validate_data(  # noqa: N806
            self, X, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        self.scaling_ = log_scaling().fit(X)
        scaled = self.scaling_.transform(X)
        self.quality_ = {} if self.n_clusters else self._rate(scaled)
        chosen = self.n_clusters or self._choose()
        self.kmeans_ = self._kmeans(min(chosen, len(scaled)), n_init=10).fit(scaled)
        self.labels_ = self.kmeans_.labels_
        self.cluster_centers_ = self.kmeans_.cluster_centers_
        return self

    def predict(self, X: Floats) -> NDArray[np.int32]:  # noqa: N803
        """The nearest centre of each row."""
        return np.asarray(np.argmin(self.transform(X), axis=1), dtype=np.int32)

    def fit_predict(self, X: Floats, y: Any = None) -> NDArray[np.int32]:  # noqa: N803
        """Find the clusters and give each row's."""
        return np.asarray(self.fit(X).labels_)

    def transform(self, X: Floats) -> Floats:  # noqa: N803
        """Distance of each row to each centre (n × k), in standard deviations."""
        check_is_fitted(self)
        checked = validate_data(
            self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )
        return np.asarray(self.kmeans_.transform(self.scaling_.transform(checked)))

    def _choose(self) -> int:
        best = max(rating for _fit, _stable, rating in self.quality_.values())
        return max(k for k, rated in self.quality_.items() if rated[2] >= _NEARLY * best)

    def _rate(self, scaled: Floats) -> dict[int, tuple[float, float, float]]:
        """Silhouette, stability and their product for each number of clusters."""
        distinct = len(np.unique(scaled, axis=0))
        upper = min(self.high, distinct - 1)
        if upper < self.low:
            return {max(1, min(self.low, distinct)): (0.0, 0.0, 0.0)}
        rated = {}
        for k in range(self.low, upper + 1):
            labels = self._kmeans(k).fit_predict(scaled)
            sample = min(len(scaled), _SILHOUETTE_ROWS)
            with config_context(working_memory=_MEGABYTES):
                fit = silhouette_score(
                    scaled, labels, sample_size=sample, random_state=self.random_state
                )
            stable = self._stability(scaled, labels, k)
            rated[k] = (float(fit), stable, float(fit) * stable)
        return rated

    def _stability(self, scaled: Floats, labels: NDArray[np.int32], k: int) -> float:
        drawn = check_random_state(self.random_state)
        size = min(len(scaled), _STABILITY_ROWS)
        agreed = []
        for _ in range(self.bootstraps):
            rows = drawn.choice(len(scaled), size=size)
            again = self._kmeans(k).fit(scaled[rows])
            agreed.append(adjusted_rand_score(labels, again.predict(scaled)))
        return float(np.mean(agreed))

    def _kmeans(self, k: int, n_init: int = 3) -> KMeans:
        return KMeans(n_clusters=k, n_init=n_init, random_state=self.random_state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
