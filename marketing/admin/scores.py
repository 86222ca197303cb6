"""The scores of one customer as the panel shows them, and setting or lifting one by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.admin.parts import post_once, staff_of
from marketing import scoring
from marketing.choices import ScoreKind
from marketing.models import ScoreOverride

from .segment_verbs import read_end, read_reason

PERMISSION = "marketing.add_scoreoverride"


@dataclass(frozen=True)
class ShownScore:
    """One score: what the machine says and why, and what staff say."""

    kind: ScoreKind
    score: scoring.EffectiveScore
    override: ScoreOverride | None

    @property
    def value(self) -> float | None:
        """The one that counts, in percent."""
        return None if self.score.value is None else 100 * self.score.value

    @property
    def automatic_percent(self) -> float | None:
        """What the machine says, in percent."""
        return None if self.score.automatic is None else 100 * self.score.automatic


def effective_scores(customer_id: int, now: datetime) -> list[ShownScore]:
    """Every kind of score of a customer."""
    in_force: Any = ScoreOverride.objects.filter(customer=customer_id).in_force(now=now)
    overrides = {override.kind: override for override in in_force.select_related("set_by")}
    return [
        ShownScore(
            kind,
            scoring.effective(customer_id=customer_id, kind=kind, now=now),
            overrides.get(kind),
        )
        for kind in ScoreKind
    ]


def set_score(request: HttpRequest, pk: int) -> HttpResponse:
    """Set a score by hand; the automatic value goes on beside it."""

    def call() -> str:
        scoring.set_by_hand(
            customer_id=pk,
            kind=_read_kind(request),
            value=_read_percent(request) / 100,
            reason=read_reason(request),
            by=staff_of(request),
            now=timezone.now(),
            expires_at=read_end(request),
        )
        return _("Set by hand; the automatic value goes on beside it.")

    return post_once(request, permission=PERMISSION, back_to=_page(pk), call=call)


def lift_score(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the automatic value count again."""

    def call() -> str:
        scoring.lift_by_hand(
            customer_id=pk, kind=_read_kind(request), by=staff_of(request), now=timezone.now()
        )
        return _("Lifted: the automatic value counts again.")

    return post_once(request, permission=PERMISSION, back_to=_page(pk), call=call)


def _page(customer_id: int) -> str:
    return reverse("admin:crm_customer_change", args=[customer_id])


def _read_kind(request: HttpRequest) -> ScoreKind:
    try:
        return ScoreKind(request.POST.get("kind", ""))
    except ValueError as error:
        raise ValidationError(_("There is no such score.")) from error


def _read_percent(request: HttpRequest) -> float:
    try:
        percent = float(request.POST.get("percent", "").replace(",", "."))
    except ValueError as error:
        raise ValidationError(_("Write a number from 0 to 100.")) from error
    if not 0 <= percent <= 100:
        raise ValidationError(_("Write a number from 0 to 100."))
    return percent
