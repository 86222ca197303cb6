"""The admin of campaigns."""

from crm.admin import pages
from marketing.admin.builder import kinds

from . import cards, ledgers
from .bot import AnswerAdmin, CannedReplyAdmin
from .campaign import CampaignAdmin
from .delivery import DeliveryAdmin

__all__ = ["AnswerAdmin", "CampaignAdmin", "CannedReplyAdmin", "DeliveryAdmin", "ledgers"]

pages.add("sending/", cards.sending_part, name="campaigns_sending")
kinds.forms.register("campaign", "campaigns.admin.conditions.messages")
