"""How the texts of a campaign tell people to end them: in its own words, or in its accounts'."""

from datetime import datetime

from campaigns import audiences
from campaigns.models import Campaign, Step
from crm import accounts, messages
from crm.channels import sms_text
from crm.choices import Channel, Purpose


def own_words(*, campaign: Campaign, number: str) -> str:
    """What the campaign itself has for a number; nothing where its accounts speak for it."""
    return sms_text.told_for(number, campaign.opt_out_text)


def keep(*, step: Step, number: str, variables: messages.Kept) -> messages.Kept:
    """What a message keeps, with the campaign's own words for its number."""
    if step.channel != Channel.SMS or not step.campaign.opt_out_text:
        return variables
    words = own_words(campaign=step.campaign, number=number)
    return messages.keep_way_out(variables=variables, words=words)


def are_needed(*, campaign: Campaign, channel: str) -> bool:
    """Whether its texts have to say how to end them."""
    return channel == Channel.SMS and Purpose(campaign.purpose).needs_consent


def left_without(*, campaign: Campaign, reachable: int, now: datetime) -> int:
    """How many would read no words, by whichever of the accounts that may carry it has fewest."""
    order = accounts.in_order(channel=Channel.SMS, purpose=campaign.purpose)
    told = [kept.account.option("opt_out_text") for kept in order] or [""]
    return max(_without(campaign, one, reachable, now) for one in told)


def _without(campaign: Campaign, told: str, reachable: int, now: datetime) -> int:
    numbers = {*sms_text.by_number(told), *sms_text.by_number(campaign.opt_out_text)}
    if "" in numbers:
        return 0
    if not numbers:
        return reachable
    found = audiences.reached_by_number(campaign=campaign, beginnings=numbers, now=now)
    return reachable - sum(found.values())
