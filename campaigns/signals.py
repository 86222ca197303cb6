"""The news campaigns announce, always after the commit."""

from django.dispatch import Signal

campaign_finished = Signal()  # provides: campaign_id
