"""Why a probability is what it is: what each feature adds in log-odds."""

from collections.abc import Callable

import numpy as np

from .scaling import Floats

_EDGE = 1e-6


def log_odds(probability: Floats) -> Floats:
    """log(p / (1 − p)), with p kept off 0 and 1."""
    held = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(held / (1 - held)))


def against_typical(
    probability: Callable[[Floats], Floats], values: Floats, typical: Floats
) -> Floats:
    """Change in log-odds (n × d) when one feature is put to its typical value, each in turn.

    d + 1 predictions over all rows. The method is occlusion: for a linear model it is the exact
    contribution, for others it leaves out what features only do together.
    """
    base = log_odds(probability(values))
    effects = np.empty(values.shape)
    for column in range(values.shape[1]):
        changed = values.copy()
        changed[:, column] = typical[column]
        effects[:, column] = base - log_odds(probability(changed))
    return effects
