"""A campaign in the rule builder, and one that the rules of a segment name in the admin."""

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from marketing.admin import builder
from marketing.models import Segment


@pytest.fixture
def readers(draft):
    rules = {"version": 1, "all": [{"campaign": draft.pk, "fate": "opened"}]}
    return Segment.objects.create(name="Readers", rules=rules)


def test_the_builder_offers_the_campaigns_by_name(draft):
    [form] = [entry for entry in builder.build()["entries"] if entry["kind"] == "campaign"]
    [choice] = [control for control in form["controls"] if control["key"] == "campaign"]

    assert [draft.pk, draft.name] in choice["options"]
    assert choice["options"][0][0] == "any"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_of_the_segment_names_the_campaign(admin, draft, readers, language):
    address = reverse("admin:marketing_segment_page", args=[readers.pk])

    page = admin.get(address, headers={"accept-language": language}).content.decode()

    assert draft.name in page


def test_what_names_a_campaign_is_shown_in_place_of_deleting_it(admin, draft, readers):
    address = reverse("admin:campaigns_campaign_delete", args=[draft.pk])

    page = admin.get(address).content.decode()
    refused = admin.post(address, {"post": "yes"})

    assert "Readers" in page
    assert refused.status_code == 200
    assert Campaign.objects.filter(pk=draft.pk).exists()


def test_a_campaign_that_nothing_names_is_deleted(admin, draft):
    answer = admin.post(
        reverse("admin:campaigns_campaign_delete", args=[draft.pk]), {"post": "yes"}
    )

    assert answer.status_code == 302
    assert not Campaign.objects.filter(pk=draft.pk).exists()
