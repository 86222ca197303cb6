"""How a rule tree would come out, while it is being edited: at once by a sample, then exactly."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.admin import veiling
from crm.choices import Channel
from marketing.rules import RuleError, read
from marketing.segments import previews

from . import segment_standing

HOW = {"exact": previews.preview, "estimate": previews.estimate}
# A page that shows rules names itself by a number, and each of its questions by the next one.
_TOKEN = re.compile(r"[0-9]{1,20}")
_KEPT_SECONDS = 600


def is_unfinished(node: Any) -> bool:
    """Whether a condition was begun and has no value yet; that is no mistake."""
    if isinstance(node, list):
        return any(inner == "" or is_unfinished(inner) for inner in node)
    if not isinstance(node, dict):
        return False
    blank = any(value in ("", []) for key, value in node.items() if key not in ("all", "any"))
    return blank or any(is_unfinished(inner) for inner in node.values())


@require_POST
@veiling.reads
@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest) -> HttpResponse:
    """Sentence, count, reach per channel and five people; or what is wrong with the rules."""
    asked = Asked.read(request)
    if asked.how != "estimate":
        asked.stop_others()
    if asked.how == "stop":
        return HttpResponse(status=204)
    return _answer(request, asked)


def _answer(request: HttpRequest, asked: "Asked") -> HttpResponse:
    how = asked.how
    context: dict[str, Any] = {"how": how}
    rules: Any = None
    try:
        rules = read(text=request.POST.get("rules", ""))
        context["sentence"] = segment_standing.say(request, rules)
        with asked.named():
            _count(context, rules, how)
    except RuleError as error:
        context["is_unfinished"] = is_unfinished(rules)
        context["error"] = error
    except DatabaseError:
        if not asked.is_latest():
            return HttpResponse(status=204)
        _count_roughly(context, rules, asked)
    except NobodyWaitsError:
        return HttpResponse(status=204)
    return render(request, "admin/marketing/segment_preview.html", context)


def _count(context: dict[str, Any], rules: Any, how: str) -> None:
    found = HOW[how](rules=rules, now=timezone.now())
    reach = [(Channel(channel).label, reach) for channel, reach in found.reach.items()]
    context.update(preview=found, reach=reach)


def _count_roughly(context: dict[str, Any], rules: Any, asked: "Asked") -> None:
    """Where counting took too long, a sample still says about how many."""
    context["problem"] = _("Counting took too long; narrow the rules, or save and wait.")
    try:
        with asked.named():
            _count(context, rules, "estimate")
    except (DatabaseError, NobodyWaitsError):
        return


class NobodyWaitsError(Exception):
    """The page has asked something newer meanwhile, or is gone."""


@dataclass(frozen=True)
class Asked:
    """One question of one page: how it is answered, and whether anybody still waits for that."""

    how: str
    token: str
    turn: int

    @classmethod
    def read(cls, request: HttpRequest) -> "Asked":
        """What the form says; who does not name the page is never stopped."""
        how = request.POST.get("how", "")
        token, turn = request.POST.get("token", ""), request.POST.get("turn", "")
        is_named = bool(_TOKEN.fullmatch(token))
        return cls(
            how=how if how in ("estimate", "stop") else "exact",
            token=f"{request.user.pk} {token}" if is_named else "",
            turn=int(turn) if _TOKEN.fullmatch(turn) else 0,
        )

    def stop_others(self) -> None:
        """Stop whatever this page asked before, wherever it is being counted."""
        if not self.token:
            return
        cache.set(self._key, max(self.turn, self._latest()), _KEPT_SECONDS)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = ANY(%s) AND state = 'active'"
                " AND pid <> pg_backend_pid()",
                [[self._name(how) for how in HOW]],
            )

    def is_latest(self) -> bool:
        """Whether the page waits for just this."""
        return not self.token or self._latest() <= self.turn

    @contextmanager
    def named(self) -> Iterator[None]:
        """Count under a name by which the next question finds it."""
        if not self.token:
            yield
            return
        with transaction.atomic(), connection.cursor() as cursor:
            # Until the end of the transaction, so that no other work bears the name.
            cursor.execute("SELECT set_config('application_name', %s, true)", [self._name()])
            if not self.is_latest():
                raise NobodyWaitsError
            yield

    @property
    def _key(self) -> str:
        return f"preview:{self.token.replace(' ', ':')}"

    def _name(self, how: str = "") -> str:
        return f"preview {self.token} {how or self.how}"[:63]

    def _latest(self) -> int:
        return int(cache.get(self._key) or 0)
