"""What was done to campaigns, and the steps they consist of, to be looked at."""

from django.contrib import admin

from campaigns.models import CampaignAction, Step
from crm.admin.parts import LedgerAdmin


@admin.register(CampaignAction)
class CampaignActionAdmin(LedgerAdmin):
    """Who launched, paused or cancelled which campaign, when and why."""

    list_display = ["campaign", "verb", "by", "reason", "at"]
    list_filter = ["verb"]
    list_select_related = ["campaign", "by"]
    list_per_page = 50
    search_fields = ["campaign__name", "reason"]


@admin.register(Step)
class StepAdmin(LedgerAdmin):
    """What each campaign sends, in the version that was frozen at its launch."""

    list_display = ["campaign", "position", "channel", "template", "template_version"]
    list_filter = ["channel"]
    list_select_related = ["campaign", "template", "template_version__template"]
    list_per_page = 50
    search_fields = ["campaign__name", "template__name"]
