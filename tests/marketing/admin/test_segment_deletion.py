"""A segment that is in use is not deleted, neither alone nor among others."""

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from marketing.models import Segment


@pytest.fixture
def campaign(germans):
    made = Campaign.objects.create(name="Spring tea")
    made.segments.add(germans)
    return made


def delete(admin, segment):
    return admin.post(reverse("admin:marketing_segment_delete", args=[segment.pk]), {"post": "yes"})


def test_what_uses_a_segment_is_named_in_place_of_deleting_it(admin, germans, campaign):
    page = admin.get(reverse("admin:marketing_segment_delete", args=[germans.pk]))

    assert "Spring tea" in page.content.decode()
    assert delete(admin, germans).status_code == 200
    assert Segment.objects.filter(pk=germans.pk).exists()


def test_a_segment_that_nothing_uses_is_deleted(admin, germans):
    assert delete(admin, germans).status_code == 302
    assert not Segment.objects.filter(pk=germans.pk).exists()


def test_among_others_too_it_stays(admin, germans, campaign):
    unused = Segment.objects.create(name="Unused")
    chosen = {"action": "delete_selected", "_selected_action": [germans.pk, unused.pk]}

    admin.post(reverse("admin:marketing_segment_changelist"), {**chosen, "post": "yes"})

    assert Segment.objects.filter(pk=germans.pk).exists()
