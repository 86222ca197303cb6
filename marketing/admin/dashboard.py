"""The admin's first page: how the shop is doing, what is sending, what needs attention."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from crm import extensions
from crm.admin.parts import Card
from marketing import dashboards
from marketing.models import Segment, TrainingRun

from .attention import attention
from .board import Board, draw
from .measures import verdict

KEPT_SECONDS = 60
KEY = "dashboard:figures"
SEGMENTS_SHOWN = 8
TONES = {"used": "good", "failed": "bad", "not_used": "warn", "refused": "warn"}


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the index what this person may see."""
    now = timezone.now()
    cards = [card(request, now) for card in extensions.dashboard_cards.all()]
    context.update(
        board=_board() if request.user.has_perm("crm.view_customer") else None,
        cards=[_drawn(card, request) for card in cards],
        attention=attention(request, now),
        segment_sizes=_segment_sizes(request),
        models=_models(request),
    )
    return context


def _board() -> Board:
    """The figures, at most a minute old; they say when they were computed."""
    figures = cache.get(KEY)
    if figures is None:
        figures = dashboards.figures(now=timezone.now())
        cache.set(KEY, figures, KEPT_SECONDS)
    return draw(figures)


def _drawn(card: Card, request: HttpRequest) -> dict[str, Any]:
    html = render_to_string(card.template, dict(card.context), request=request)
    return {"title": card.title, "html": html}


def _segment_sizes(request: HttpRequest) -> list[dict[str, Any]] | None:
    if not request.user.has_perm("marketing.view_segment"):
        return None
    rows = list(
        Segment.objects.order_by("-member_count").values("pk", "name", "member_count")[
            :SEGMENTS_SHOWN
        ]
    )
    most = max((row["member_count"] for row in rows), default=0) or 1
    return [
        {**row, "count": row["member_count"], "percent": 100 * row["member_count"] / most}
        for row in rows
    ]


def _models(request: HttpRequest) -> list[dict[str, Any]] | None:
    if not request.user.has_perm("marketing.view_trainingrun"):
        return None
    newest = TrainingRun.objects.order_by("kind", "-requested_at", "-id").distinct("kind")
    return [
        {"run": run, "verdict": verdict(run), "tone": TONES.get(run.state, "accent")}
        for run in newest.defer("artifact")
    ]
