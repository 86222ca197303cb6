"""Estimators keep scikit-learn's promise, explain themselves, and are kept safely."""

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from marketing.estimators import keeping, measures
from marketing.estimators.registry import estimators

DRAWN = np.random.default_rng(7)
VALUES = DRAWN.exponential(size=(500, 3))
LABELS = (VALUES[:, 0] + DRAWN.normal(size=500) > 1).astype(np.int64)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([estimators.get(name)() for name in estimators.names()])
def test_an_estimator_keeps_scikit_learns_promise(estimator: Any, check: Any) -> None:
    assert issubclass(SkipTestWarning, Warning)
    check(estimator)


def test_contributions_of_the_linear_model_add_up_to_its_log_odds() -> None:
    model = estimators.get("logistic")().fit(VALUES, LABELS)
    probability = model.predict_proba(VALUES)[:, 1]

    added = model.contributions(VALUES).sum(axis=1) + model.linear_.intercept_[0]

    np.testing.assert_allclose(added, np.log(probability / (1 - probability)))


def test_boosting_names_the_feature_that_matters() -> None:
    model = estimators.get("boosting")().fit(VALUES, LABELS)

    effects = np.abs(model.contributions(VALUES)).mean(axis=0)

    assert effects.argmax() == 0


@pytest.mark.parametrize("name", ["logistic", "boosting", "clusters", "recency"])
def test_an_estimator_that_was_kept_says_the_same(name: str) -> None:
    model = estimators.get(name)().fit(VALUES, LABELS)
    kept, checksum = keeping.dump(model, key="a key")

    again = keeping.load(kept, checksum, key="a key")

    np.testing.assert_array_equal(again.predict(VALUES), model.predict(VALUES))


def test_bytes_that_changed_are_not_loaded() -> None:
    kept, checksum = keeping.dump(estimators.get("logistic")().fit(VALUES, LABELS), key="a key")

    with pytest.raises(keeping.DamagedArtifact):
        keeping.load(kept[:-1] + b"x", checksum, key="a key")
    with pytest.raises(keeping.DamagedArtifact):
        keeping.load(kept, checksum, key="another key")


def test_clusters_that_are_there_are_found() -> None:
    centres = np.array([[1, 1], [200, 1], [1, 200], [200, 200]])
    points = np.vstack([centre + DRAWN.normal(size=(60, 2)) * 0.4 for centre in centres])

    model = estimators.get("clusters")().fit(points)

    assert len(model.cluster_centers_) == 4
    assert sorted(np.bincount(model.labels_)) == [60] * 4


def test_measures_know_the_perfect_and_the_useless() -> None:
    labels = np.array([0] * 90 + [1] * 10)

    perfect = measures.measure(labels, labels.astype(float))
    gain, low, high = measures.auc_gain(labels, labels.astype(float), np.zeros(100))

    assert (perfect["auc"], perfect["brier"], perfect["top_decile_lift"]) == (1.0, 0.0, 10.0)
    assert (gain, low, high) == (0.5, 0.5, 0.5)
