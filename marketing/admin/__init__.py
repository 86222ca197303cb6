"""The admin of marketing, and of what belongs to the whole project: staff and schedules."""

from crm.admin import pages

from . import ledgers, scores
from .cluster import ClusterAdmin
from .intent import IntentAdmin
from .recommendation import BestsellerAdmin, RecommendationOverrideAdmin
from .segment import SegmentAdmin
from .staff import GroupAdmin, UserAdmin
from .training import TrainingRunAdmin

__all__ = [
    "BestsellerAdmin",
    "ClusterAdmin",
    "GroupAdmin",
    "IntentAdmin",
    "RecommendationOverrideAdmin",
    "SegmentAdmin",
    "TrainingRunAdmin",
    "UserAdmin",
    "ledgers",
]

pages.add("customers/<int:pk>/score/", scores.set_score, name="marketing_score_set")
pages.add("customers/<int:pk>/score/lift/", scores.lift_score, name="marketing_score_lift")
