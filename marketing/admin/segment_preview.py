"""How a rule tree would come out, while it is being edited: at once by a sample, then exactly."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.admin import veiling
from crm.choices import Channel
from marketing import segments
from marketing.rules import RuleError, explain
from marketing.segments import previews

HOW = {"exact": previews.preview, "estimate": previews.estimate}
_TOKEN = re.compile(r"[0-9]{1,20}")


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
    how = "estimate" if request.POST.get("how") == "estimate" else "exact"
    context: dict[str, Any] = {"how": how}
    try:
        rules = json.loads(request.POST.get("rules", ""))
        context["sentence"] = explain(rules=rules, names=segments.names(rules=rules))
        with _only_the_latest(request, how):
            _count(context, rules, how)
    except RuleError as error:
        context["is_unfinished"] = is_unfinished(rules)
        context["error"] = error
    except ValueError:
        context["problem"] = _("This is not JSON yet: look for a missing comma or bracket.")
    except DatabaseError:
        _count_roughly(context, rules)
    return render(request, "admin/marketing/segment_preview.html", context)


def _count(context: dict[str, Any], rules: Any, how: str) -> None:
    found = HOW[how](rules=rules, now=timezone.now())
    reach = [(Channel(channel).label, reach) for channel, reach in found.reach.items()]
    context.update(preview=found, reach=reach)


def _count_roughly(context: dict[str, Any], rules: Any) -> None:
    """Where counting took too long, a sample still says about how many."""
    context["problem"] = _("Counting took too long; narrow the rules, or save and wait.")
    try:
        _count(context, rules, "estimate")
    except DatabaseError:
        return


@contextmanager
def _only_the_latest(request: HttpRequest, how: str) -> Iterator[None]:
    """Stop what this very page asked before and nobody waits for any more."""
    token = request.POST.get("token", "")
    if not _TOKEN.fullmatch(token):
        yield
        return
    name = f"preview {request.user.pk} {token} {how}"[:63]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND state = 'active' AND pid <> pg_backend_pid()",
            [name],
        )
        # Until the end of the transaction, so that no other work bears the name.
        cursor.execute("SELECT set_config('application_name', %s, true)", [name])
        yield
