"""Estimators as bytes and back: skops and a checksum, never pickle."""

import hashlib
from typing import Any

from skops import io as skops_io

# Our own classes and the parts of scikit-learn that skops does not trust by itself.
TRUSTED = [
    "marketing.estimators.boosting.CalibratedBoosting",
    "marketing.estimators.clusters.LogKMeans",
    "marketing.estimators.logistic.LogLogistic",
    "marketing.estimators.recency.RecencyRate",
    "marketing.estimators.scaling.signed_log",
]


class DamagedArtifact(ValueError):  # noqa: N818 - it names what it found
    """The bytes are not those that were kept."""


def dump(estimator: Any) -> tuple[bytes, str]:
    """The estimator as bytes, and their SHA-256."""
    kept: bytes = skops_io.dumps(estimator)
    return kept, hashlib.sha256(kept).hexdigest()


def load(kept: bytes, sha256: str) -> Any:
    """The estimator again; bytes that changed, or hold a type we do not trust, are refused."""
    if hashlib.sha256(kept).hexdigest() != sha256:
        raise DamagedArtifact("The kept estimator does not match its checksum; train it again.")
    return skops_io.loads(kept, trusted=TRUSTED)
