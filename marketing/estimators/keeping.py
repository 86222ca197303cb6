"""Estimators as bytes and back: skops and a keyed checksum, never pickle."""

import hashlib
import hmac
from typing import Any

from skops import io as skops_io

# Our own classes, and the parts of scikit-learn and numpy in them that skops does not trust by
# itself: a tree's nodes are read without bounds checks, so the key must have signed them.
TRUSTED = [
    "marketing.estimators.boosting.CalibratedBoosting",
    "marketing.estimators.clusters.LogKMeans",
    "marketing.estimators.logistic.LogLogistic",
    "marketing.estimators.recency.RecencyRate",
    "marketing.estimators.scaling.signed_log",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


class DamagedArtifact(ValueError):  # noqa: N818 - it names what it found
    """The bytes are not those that were kept with this key."""


def dump(estimator: Any, *, key: str) -> tuple[bytes, str]:
    """The estimator as bytes, and their HMAC-SHA-256 under the key."""
    kept: bytes = skops_io.dumps(estimator)
    return kept, _digest(kept, key)


def load(kept: bytes, sha256: str, *, key: str) -> Any:
    """The estimator again; bytes that changed, or hold a type we do not trust, are refused."""
    if not hmac.compare_digest(_digest(kept, key), sha256):
        raise DamagedArtifact("The kept estimator does not match its checksum; train it again.")
    return skops_io.loads(kept, trusted=TRUSTED)


def _digest(kept: bytes, key: str) -> str:
    return hmac.new(key.encode(), kept, hashlib.sha256).hexdigest()
