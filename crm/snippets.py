"""Snippets: publish numbered versions, look them up for templates, say what uses them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from crm.models import Snippet, SnippetUse, SnippetVersion, Template
from crm.rendering import RenderError, check_snippet
from crm.rendering.errors import UNDEFINED

_NAMES_TOLD = 20


class Library:
    """The newest version of every snippet, read when first asked for; remembers what was used."""

    def __init__(self, *, draft: SnippetVersion | None = None) -> None:
        self._draft = draft
        self._newest: dict[str, SnippetVersion] | None = None
        self.used: dict[str, SnippetVersion] = {}

    def part(self, part: str) -> Callable[[str], str]:
        """What gives the HTML or the text of a snippet by its name."""

        def fetch(name: str) -> str:
            version = self._known().get(name)
            if version is None:
                raise RenderError(UNDEFINED, self._missing(name))
            source: str = version.html if part == "html" else version.text
            if not source.strip():
                other = "no HTML" if part == "html" else "no text of its own"
                raise RenderError(UNDEFINED, f"The snippet “{name}” has {other}.")
            self.used[name] = version
            return source

        return fetch

    def _known(self) -> dict[str, SnippetVersion]:
        if self._newest is None:
            self._newest = {version.snippet.name: version for version in _newest()}
            if self._draft is not None:
                self._newest[self._draft.snippet.name] = self._draft
        return self._newest

    def _missing(self, name: str) -> str:
        there = sorted(self._known())
        if not there:
            return f"There is no snippet “{name}”: there are none yet."
        more = " …" if len(there) > _NAMES_TOLD else ""
        return f"There is no snippet “{name}”. There are: {', '.join(there[:_NAMES_TOLD])}{more}"


@dataclass(frozen=True, slots=True)
class Uses:
    """What uses a snippet: templates as they go out now, by the version they have, and snippets."""

    templates: tuple[tuple[Template, int], ...]
    snippets: tuple[str, ...]
    is_in_the_past: bool

    @property
    def is_any(self) -> bool:
        """Whether anything uses it or did."""
        return bool(self.templates or self.snippets or self.is_in_the_past)


@transaction.atomic
def publish(
    *, snippet: Snippet, html: str, text: str, by: AbstractBaseUser | None, now: datetime
) -> SnippetVersion:
    """Make content the latest version; RenderError if it cannot be put into a template.

    Locks the snippet, so that numbers follow one another. What uses it stays as it was published
    until it is published again. Content that is the latest already makes no new version.
    """
    Snippet.objects.select_for_update().get(pk=snippet.pk)
    last = latest(snippet_id=snippet.pk)
    if last and (last.html, last.text) == (html, text):
        return last
    version = SnippetVersion(
        snippet=snippet,
        number=last.number + 1 if last else 1,
        html=html,
        text=text,
        created_at=now,
        created_by_id=by.pk if by else None,
    )
    check(version=version)
    version.save()
    return version


def check(*, version: SnippetVersion) -> None:
    """Raise RenderError unless a version could be put into a template; notes what it uses."""
    if not (version.html.strip() or version.text.strip()):
        raise RenderError(UNDEFINED, "A snippet needs HTML or text.")
    library = Library(draft=version)
    for part in ("html", "text"):
        source = getattr(version, part)
        check_snippet(source, name=version.snippet.name, part=part, fetch=library.part(part))
    version.names = sorted(library.used)


def latest(*, snippet_id: int) -> SnippetVersion | None:
    """The newest version of a snippet, if it has one."""
    versions = SnippetVersion.objects.select_related("snippet").filter(snippet_id=snippet_id)
    return versions.order_by("-number").first()


def uses(*, snippet_id: int) -> Uses:
    """What uses a snippet, itself or by another one."""
    snippet = Snippet.objects.get(pk=snippet_id)
    found = SnippetUse.objects.filter(snippet_version__snippet_id=snippet_id)
    rows = found.select_related("template_version__template", "snippet_version")
    going_out: dict[int, tuple[Template, int]] = {}
    newest = dict(
        Template.objects.filter(versions__withdrawn_at=None)
        .values_list("pk")
        .annotate(number=Max("versions__number"))
    )
    for row in rows:
        version = row.template_version
        if newest.get(version.template_id) == version.number:
            going_out[version.template_id] = version.template, row.snippet_version.number
    by_name = sorted(going_out.values(), key=lambda pair: pair[0].name)
    others = [each.snippet.name for each in _newest() if snippet.name in each.names]
    return Uses(tuple(by_name), tuple(others), is_in_the_past=found.exists())


@transaction.atomic
def delete(*, snippet_id: int) -> None:
    """Take a snippet away that nothing uses or did; ValidationError otherwise. Locks it."""
    snippet = Snippet.objects.select_for_update().get(pk=snippet_id)
    found = uses(snippet_id=snippet_id)
    names = [template.name for template, _number in found.templates]
    if names or found.snippets:
        told = {"names": ", ".join([*names, *found.snippets][:_NAMES_TOLD])}
        raise ValidationError(_("It is used by: %(names)s") % told)
    if found.is_in_the_past:
        raise ValidationError(_("It is in what was published before, so it stays."))
    snippet.delete()


def _newest() -> list[SnippetVersion]:
    versions = SnippetVersion.objects.select_related("snippet").order_by("snippet_id", "-number")
    return list(versions.distinct("snippet_id"))
