"""Publishing again what has older versions of a snippet: what would change, and doing it."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from crm import snippets, templates
from crm.models import Template, TemplateVersion
from crm.rendering import Parts, RenderError, without_marks

MOST = 100  # templates at once
_MAX_LINES = 120
_PARTS = ("subject", "html", "text")
# Signs of lines, beside "+", "-" and a space: a part begins, and something is left out.
HEAD, GAP = "#", "…"


@dataclass(frozen=True, slots=True)
class Change:
    """What publishing a template again would change, or why it cannot be done.

    A line is a sign and a text.
    """

    template: Template
    number: int
    has_number: int
    lines: tuple[tuple[str, str], ...] = ()
    error: str = ""


def plan(*, snippet_id: int) -> list[Change]:
    """The templates that do not have the newest version of a snippet as they go out now."""
    newest = snippets.latest(snippet_id=snippet_id)
    if newest is None:
        return []
    used = snippets.uses(snippet_id=snippet_id).templates
    outdated = [(template, number) for template, number in used if number != newest.number]
    return [_change(template, number) for template, number in outdated[:MOST]]


def publish_again(
    *, template_ids: Collection[int], by: AbstractBaseUser | None, now: datetime
) -> list[TemplateVersion]:
    """Publish each of these templates with the snippets of today.

    What fails is left as it is; campaigns under way keep the version that they were launched with.
    """
    published = []
    for template in Template.objects.filter(pk__in=template_ids).order_by("pk")[:MOST]:
        version = templates.latest(template_id=template.pk)
        if version is None:
            continue
        try:
            again = templates.publish(
                template=template,
                subject=version.subject,
                html=version.html,
                text=version.text,
                by=by,
                now=now,
            )
        except RenderError:
            continue
        if again.pk != version.pk:
            published.append(again)
    return published


def _change(template: Template, has_number: int) -> Change:
    version = templates.latest(template_id=template.pk)
    assert version is not None, "A template that uses a snippet was published."
    before = templates.made_of(version=version)
    try:
        written = Parts(version.subject, version.html, version.text)
        after = templates.made_now(channel=template.channel, written=written)
    except RenderError as error:
        return Change(template, version.number, has_number, error=str(error))
    lines = tuple(_difference(before, after))
    return Change(template, version.number, has_number, lines[:_MAX_LINES])


def _difference(before: Parts, after: Parts) -> Iterator[tuple[str, str]]:
    for part in _PARTS:
        old, new = _lines(getattr(before, part)), _lines(getattr(after, part))
        # The two lines at the head name files, of which there are none.
        for number, line in enumerate(list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]):
            if line.startswith("@@"):
                yield (GAP, "") if number else (HEAD, part)
            else:
                yield line[:1], line[1:]


def _lines(source: str) -> list[str]:
    return without_marks(source).replace("><", ">\n<").splitlines()
