"""The rows of campaigns."""

from .bot import Answer, CannedReply
from .campaign import Campaign, CampaignAction, Step
from .claim import Claim
from .delivery import Delivery

__all__ = ["Answer", "Campaign", "CampaignAction", "CannedReply", "Claim", "Delivery", "Step"]
