"""The rows of marketing."""

from .feature import Feature
from .insight import Insight, Intent
from .movement import SegmentMove, SegmentRecheck, SegmentSize
from .recommendation import Bestseller, ProductNeighbour, RecommendationOverride
from .score import Score, ScoreOverride
from .segment import ListEntry, Membership, Segment, SegmentOverride
from .training import Cluster, ClusterMembership, TrainingRun

__all__ = [
    "Bestseller",
    "Cluster",
    "ClusterMembership",
    "Feature",
    "Insight",
    "Intent",
    "ListEntry",
    "Membership",
    "ProductNeighbour",
    "RecommendationOverride",
    "Score",
    "ScoreOverride",
    "Segment",
    "SegmentMove",
    "SegmentOverride",
    "SegmentRecheck",
    "SegmentSize",
    "TrainingRun",
]
