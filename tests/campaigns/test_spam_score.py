"""What a filter says of the demo's mails, read by its own rules without asking the network."""

import re
import shutil
import subprocess
from datetime import datetime
from email import message_from_bytes
from email.utils import formatdate
from random import Random

import pytest
from msgspec.structs import replace

from campaigns import broadcasts
from campaigns.management.demo import catalogue, letters
from campaigns.models import Campaign, Step
from crm.channels import dkim, mime
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db
SIGNERS = (dkim.fresh_signer(domain="rapport.example"),)
# Without it a filter takes the mail for one of its own and trusts it.
CAME_BY = (
    "Received: from mail.rapport.example (mail.rapport.example [4.3.2.1])\r\n"
    f" by mx.shop.example with ESMTPS; {formatdate()}\r\n"
).encode()
POINTS = re.compile(r"\((-?[\d.]+) points, ([\d.]+) required\)")


def mail(name: str, now: datetime) -> bytes:
    """A mail of the demo as it leaves: launched, rendered, built, signed."""
    ada = making.subscriber(now=now, first_name="Ada", email="ada@shop.example")
    stock = catalogue.stock(drawn=Random(7), currency="EUR", shop_url="https://shop.example")
    template = letters.publish_all(products=stock.products[:4], now=now)[name]
    campaign = Campaign.objects.create(name=name)
    campaign.segments.add(staging.segment(customers=[ada], now=now))
    Step.objects.create(campaign=campaign, channel="email", template=template)
    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    broadcasts.start_due(now=now + staging.LONG_ENOUGH)
    staging.send(campaign=campaign, now=now + staging.LONG_ENOUGH)
    sent = replace(staging.provider().sent[0], sender="Demo Shop <shop@rapport.example>")
    sender, recipient = mime.parse_address(sent.sender), mime.parse_recipient(sent.recipient)
    raw = mime.build(sent, sender=sender, recipient=recipient, eight_bit=True)
    return CAME_BY + dkim.signed(raw, SIGNERS)


@pytest.mark.parametrize("name", ["Newsletter", "新品资讯"])
def test_a_filter_finds_a_mail_of_the_demo_harmless(name: str, now: datetime) -> None:
    if not shutil.which("spamassassin"):
        pytest.skip("no SpamAssassin: install spamassassin")
    raw = mail(name, now)

    said = subprocess.run(
        ["spamassassin", "-L", "-t", "-x"], input=raw, capture_output=True, check=True
    ).stdout

    told = said.decode(errors="replace")
    [(points, limit)] = POINTS.findall(told)
    print(f"{name}: {points} of {limit} points")
    print(told[told.index("Content analysis") :])
    assert message_from_bytes(said)["X-Spam-Flag"] is None
    assert float(points) < float(limit)
