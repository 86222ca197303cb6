"""How a rule tree would come out, while it is being edited."""

import json
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.admin import veiling
from crm.choices import Channel
from marketing import segments
from marketing.rules import RuleError, explain


def is_unfinished(node: Any) -> bool:
    """Whether a condition was begun and has no value yet; that is no mistake."""
    if isinstance(node, list):
        return any(is_unfinished(inner) for inner in node)
    if not isinstance(node, dict):
        return False
    blank = any(value in ("", []) for key, value in node.items() if key not in ("all", "any"))
    return blank or any(is_unfinished(inner) for inner in node.values())


@require_POST
@veiling.reads
@permission_required("marketing.view_segment", raise_exception=True)
def show(request: HttpRequest) -> HttpResponse:
    """Sentence, count, reach per channel and five people; or what is wrong with the rules."""
    context: dict[str, Any] = {}
    try:
        rules = json.loads(request.POST.get("rules", ""))
        context["sentence"] = explain(rules=rules)
        context["preview"] = segments.preview(rules=rules, now=timezone.now())
        context["reach"] = [
            (Channel(channel).label, reach) for channel, reach in context["preview"].reach.items()
        ]
    except RuleError as error:
        context["is_unfinished"] = is_unfinished(rules)
        context["error"] = error
    except ValueError:
        context["problem"] = _("This is not JSON yet: look for a missing comma or bracket.")
    except DatabaseError:
        context["problem"] = _("Counting took too long; narrow the rules, or save and wait.")
    return render(request, "admin/marketing/segment_preview.html", context)
