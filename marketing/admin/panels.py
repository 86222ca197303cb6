"""What marketing adds to the customer page: segments, scores with reasons, the cluster."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.admin.parts import Panel
from crm.models import Conversation, Customer
from marketing.choices import OverrideMode, ScoreKind
from marketing.models import ClusterMembership, Insight, Membership, Segment, SegmentOverride

from .builder.understanding import MOST_LISTED
from .scores import effective_scores


def segments(customer: Customer, request: HttpRequest) -> Panel:
    """The segments this person is in, since when, and put in or out by hand."""
    now = timezone.now()
    memberships = (
        Membership.objects.filter(customer=customer)
        .select_related("segment")
        .order_by("segment__name")
    )
    in_force: Any = SegmentOverride.objects.filter(customer=customer).in_force(now=now)
    overrides = in_force.select_related("segment", "set_by")
    context: dict[str, Any] = {
        "customer": customer,
        "is_visible": request.user.has_perm("marketing.view_segment"),
        "may_change": request.user.has_perm("marketing.change_segment"),
        "memberships": list(memberships),
        "overrides": list(overrides),
        "modes": OverrideMode,
        "segments": list(Segment.objects.only("name")[: MOST_LISTED + 1]),
        "most": MOST_LISTED,
        "put": reverse("admin:marketing_segment_put_one"),
    }
    return Panel(_("Segments"), "admin/marketing/customer_segments.html", context)


def reading(conversation: Conversation, now: datetime) -> Panel:
    """What the customer's last message was read as, and how surely."""
    insight = (
        Insight.objects.filter(message__conversation=conversation)
        .select_related("intent")
        .order_by("-message_id")
        .first()
    )
    context = {"insight": insight, "percent": 100 * insight.confidence if insight else 0}
    return Panel(_("Read as"), "admin/marketing/conversation_reading.html", context)


def scores(customer: Customer, request: HttpRequest) -> Panel:
    """What we expect of this person, why, and what staff set by hand."""
    membership = (
        ClusterMembership.objects.filter(customer=customer).select_related("cluster").first()
    )
    context: dict[str, Any] = {
        "customer": customer,
        "is_visible": request.user.has_perm("marketing.view_score"),
        "may_change": request.user.has_perm("marketing.add_scoreoverride"),
        "scores": effective_scores(customer.pk, timezone.now()),
        "kinds": ScoreKind,
        "cluster": membership.cluster if membership else None,
        "may_view_cluster": request.user.has_perm("marketing.view_cluster"),
    }
    return Panel(_("Scores"), "admin/marketing/customer_scores.html", context)
