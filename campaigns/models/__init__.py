"""The rows of campaigns."""

from .bot import Answer, CannedReply
from .campaign import Campaign, CampaignAction, Step
from .delivery import Delivery

__all__ = ["Answer", "Campaign", "CampaignAction", "CannedReply", "Delivery", "Step"]
