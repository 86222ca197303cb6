"""From skewed counts and amounts to columns of like size."""

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

Floats = NDArray[np.float64]


def signed_log(values: Floats) -> Floats:
    """log(1 + |x|) with the sign of x: tames long tails, keeps zero and order."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def log_scaling() -> Pipeline:
    """Fill what is unknown (NaN) by the column's median, take logs, scale to unit variance."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        FunctionTransformer(signed_log),
        StandardScaler(),
    )
