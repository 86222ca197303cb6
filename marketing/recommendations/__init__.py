"""Recommendations: what goes with what people bought, for many at once, with reasons."""

from .choosing import choose, lift
from .serving import MOST, Recommendation, recommend_many, show_many

__all__ = ["MOST", "Recommendation", "choose", "lift", "recommend_many", "show_many"]
