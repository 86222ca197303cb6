"""The rows of marketing."""

from .feature import Feature
from .insight import Insight, Intent
from .score import Score, ScoreOverride
from .segment import Membership, Segment, SegmentOverride
from .training import Cluster, ClusterMembership, TrainingRun

__all__ = [
    "Cluster",
    "ClusterMembership",
    "Feature",
    "Insight",
    "Intent",
    "Membership",
    "Score",
    "ScoreOverride",
    "Segment",
    "SegmentOverride",
    "TrainingRun",
]
